// panva's oidc-provider with one client of ours. It signs everybody in as one person and consents to everything; all
// checks of requests, client authentication, PKCE and the tokens are the library's own.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider } from 'oidc-provider';

const { CLIENT_ID, REDIRECT_URI, CLIENT_JWKS, LOGOUT_URI, ACR } = process.env;
const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...key, kid: 'p1', alg: 'ES256', use: 'sig' }] },
  cookies: { keys: ['only for tests'] },
  clients: [{
    client_id: CLIENT_ID, redirect_uris: [REDIRECT_URI], response_types: ['code'], grant_types: ['authorization_code'],
    token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks: JSON.parse(CLIENT_JWKS),
    id_token_signed_response_alg: 'ES256', subject_type: 'pairwise', require_pushed_authorization_requests: true,
    backchannel_logout_uri: LOGOUT_URI, backchannel_logout_session_required: true,
  }],
  enabledJWA: { idTokenSigningAlgValues: ['ES256'] },
  subjectTypes: ['pairwise'],
  pairwiseIdentifier: (ctx, accountId, client) => `${new URL(client.redirectUris[0]).hostname}/${accountId}`,
  acrValues: ['urn:test:low', 'urn:test:substantial', 'urn:test:high'],
  claims: {
    openid: ['sub'], profile: ['name', 'given_name', 'family_name', 'birthdate', 'locale'], acr: null, auth_time: null, sid: null, iss: null,
  },
  extraParams: ['launch'],
  features: {
    devInteractions: { enabled: false },
    pushedAuthorizationRequests: { enabled: true },
    claimsParameter: { enabled: true },
    backchannelLogout: { enabled: true },
    userinfo: { enabled: true },
  },
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: '王小明', given_name: '小明', family_name: '王', birthdate: '1999-12-31', locale: 'zh-CN' }),
  }),
});

provider.use(async (ctx, next) => {
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { prompt, params, session } = await provider.interactionDetails(ctx.req, ctx.res);
  if (prompt.name === 'login') {
    const acr = ACR || 'urn:test:substantial';
    const asked = JSON.parse(params.claims || '{}').id_token?.acr?.values ?? [acr];
    const result = asked.includes(acr) ? { login: { accountId: 'wang', acr } } : { error: 'unmet_authentication_requirements' };
    await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
  } else {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    grant.addOIDCClaims(['name', 'given_name', 'family_name', 'birthdate', 'locale', 'acr', 'auth_time', 'sid']);
    await provider.interactionFinished(ctx.req, ctx.res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
  }
  ctx.respond = false;
});
provider.on('server_error', (ctx, err) => console.error(err));
for (const event of ['authorization.error', 'grant.error', 'pushed_authorization_request.error']) {
  provider.on(event, (ctx, err) => console.error(event, err.message, err.error_description ?? ''));
}

server.on('request', provider.callback());
process.stdin.resume().on('end', () => process.exit(0)); // the test went away
console.log(issuer);
