// Signs in at the wallet with openid-client. Line 1 of stdin: what to do. It prints the address to open, reads the
// address the browser came back to, and prints what it learned.
import * as client from 'openid-client'
import * as readline from 'node:readline'

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => (await lines.next()).value
const say = (o) => console.log(JSON.stringify(o))
const options = { execute: [client.allowInsecureRequests, client.enableNonRepudiationChecks] }

const want = JSON.parse(await read())
if (want.secret) {
  const config = await client.discovery(new URL(want.issuer), want.client, undefined, client.ClientSecretBasic(want.secret), options)
  say(await client.clientCredentialsGrant(config, { resource: want.resource }))
  process.exit(0)
}

const key = await crypto.subtle.importKey('jwk', want.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const config = await client.discovery(new URL(want.issuer), want.client, undefined, client.PrivateKeyJwt({ key, kid: want.kid }), options)
const verifier = client.randomPKCECodeVerifier()
const state = client.randomState()
const nonce = client.randomNonce()
const params = {
  redirect_uri: want.redirect, scope: 'openid profile email', state, nonce,
  code_challenge: await client.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  claims: JSON.stringify({ id_token: { acr: { essential: true, values: [want.acr] } } }), max_age: '600',
}
if (want.launch) params.launch = want.launch
const to = want.par ? await client.buildAuthorizationUrlWithPAR(config, params) : client.buildAuthorizationUrl(config, params)
say({ to: to.href })

const back = new URL(await read())
// An answer that another issuer's name is on, or none, must not get as far as the exchange (RFC 9207 §2.4).
const without = async (change) => {
  const u = new URL(back)
  change(u.searchParams)
  try {
    await client.authorizationCodeGrant(config, u, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce })
    return ''
  } catch (e) {
    return e.cause?.message ?? e.message
  }
}
const foreign = await without((q) => q.set('iss', 'https://evil.example'))
const silent = await without((q) => q.delete('iss'))
const tokens = await client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce, maxAge: 600, idTokenExpected: true })
const claims = tokens.claims()
const userinfo = await client.fetchUserInfo(config, tokens.access_token, claims.sub)
let replay = ''
try {
  await client.authorizationCodeGrant(config, back, { pkceCodeVerifier: verifier, expectedState: state, expectedNonce: nonce })
} catch (e) {
  replay = e.error
}
say({
  claims, userinfo, foreign, silent, replay, type: tokens.token_type,
  logout: client.buildEndSessionUrl(config, { id_token_hint: tokens.id_token }).href,
})
process.exit(0)
