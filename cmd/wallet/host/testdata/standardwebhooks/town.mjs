// Plays a town that is paid through the wallet, with the Standard Webhooks library for JavaScript. It prints its
// origin; line 1 of stdin says with whom and what to pay, every further line is an order. It prints each answer of the
// wallet, and each event with the library's verdict.
import { Webhook } from 'standardwebhooks'
import { createServer } from 'node:http'
import { randomUUID } from 'node:crypto'
import * as readline from 'node:readline'

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => (await lines.next()).value
const say = (o) => console.log(JSON.stringify(o))

let want
const server = createServer(async (req, res) => {
  let body = ''
  for await (const part of req) body += part
  try {
    say({ event: new Webhook(want.events).verify(body, req.headers), id: req.headers['webhook-id'] })
    res.writeHead(204).end()
  } catch (e) {
    say({ refused: e.message })
    res.writeHead(401).end()
  }
}).listen(0, '127.0.0.1', () => say({ origin: `http://127.0.0.1:${server.address().port}` }))

const call = async (method, path, body) => {
  const id = randomUUID()
  const at = new Date()
  const raw = body ? JSON.stringify(body) : ''
  const headers = {
    'webhook-id': id, 'webhook-timestamp': Math.floor(at.getTime() / 1000),
    'webhook-signature': new Webhook(want.secret).sign(id, at, raw),
  }
  const answer = await fetch(want.wallet + path, { method, headers, body: body && raw })
  say({ status: answer.status, body: await answer.text() })
}

want = JSON.parse(await read())
await call('POST', '/payments', want.payment)
for (let line = await read(); line; line = await read()) {
  const { path, order } = JSON.parse(line)
  await call(order ? 'POST' : 'GET', path, order)
}
process.exit(0)
