// Signs in at the wallet with oauth4webapi, which leaves every step to its caller and does every check itself. It reads and
// prints the same lines as client.mjs.
import * as oauth from 'oauth4webapi'
import * as readline from 'node:readline'

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]()
const read = async () => (await lines.next()).value
const say = (o) => console.log(JSON.stringify(o))
const insecure = { [oauth.allowInsecureRequests]: true }

const want = JSON.parse(await read())
const issuer = new URL(want.issuer)
const as = await oauth.processDiscoveryResponse(issuer, await oauth.discoveryRequest(issuer, { algorithm: 'oidc', ...insecure }))
const client = { client_id: want.client }
const key = await crypto.subtle.importKey('jwk', want.jwk, { name: 'ECDSA', namedCurve: 'P-256' }, false, ['sign'])
const auth = oauth.PrivateKeyJwt({ key, kid: want.kid })
const verifier = oauth.generateRandomCodeVerifier()
const state = oauth.generateRandomState()
const nonce = oauth.generateRandomNonce()
const params = new URLSearchParams({
  client_id: want.client, redirect_uri: want.redirect, response_type: 'code', scope: 'openid profile email', state, nonce,
  code_challenge: await oauth.calculatePKCECodeChallenge(verifier), code_challenge_method: 'S256',
  claims: JSON.stringify({ id_token: { acr: { essential: true, values: [want.acr] } } }), max_age: '600',
})
if (want.launch) params.set('launch', want.launch)
const to = new URL(as.authorization_endpoint)
if (want.par) {
  const pushed = await oauth.processPushedAuthorizationResponse(as, client, await oauth.pushedAuthorizationRequest(as, client, auth, params, insecure))
  to.search = new URLSearchParams({ client_id: want.client, request_uri: pushed.request_uri })
} else {
  to.search = params
}
say({ to: to.href })

const back = new URL(await read())
const without = (change) => {
  const u = new URL(back)
  change(u.searchParams)
  try {
    oauth.validateAuthResponse(as, client, u, state)
    return ''
  } catch (e) {
    return e.message
  }
}
const foreign = without((q) => q.set('iss', 'https://evil.example'))
const silent = without((q) => q.delete('iss'))
const answer = oauth.validateAuthResponse(as, client, back, state)
const exchange = () => oauth.authorizationCodeGrantRequest(as, client, auth, answer, want.redirect, verifier, insecure)
const response = await exchange()
const tokens = await oauth.processAuthorizationCodeResponse(as, client, response, { expectedNonce: nonce, maxAge: 600, requireIdToken: true })
await oauth.validateApplicationLevelSignature(as, response, insecure)
const claims = oauth.getValidatedIdTokenClaims(tokens)
const userinfo = await oauth.processUserInfoResponse(as, client, claims.sub, await oauth.userInfoRequest(as, client, tokens.access_token, insecure))
let replay = ''
try {
  await oauth.processAuthorizationCodeResponse(as, client, await exchange(), { expectedNonce: nonce, maxAge: 600, requireIdToken: true })
} catch (e) {
  replay = e.error
}
const logout = new URL(as.end_session_endpoint)
logout.search = new URLSearchParams({ id_token_hint: tokens.id_token })
say({ claims, userinfo, foreign, silent, replay, logout: logout.href, type: tokens.token_type })
process.exit(0)
