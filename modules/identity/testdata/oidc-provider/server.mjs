// panva's oidc-provider with clients of ours. It signs everybody in as one person and consents to everything; all checks
// of requests, client authentication, PKCE and the tokens are the library's own. CONFIG says what it offers:
// clients [{id, redirect, logout, home}], jwks, acr (what a sign-in reaches; empty: what is asked for), alg, claims, par, groups.
import { createServer } from 'node:http';
import { generateKeyPairSync } from 'node:crypto';
import { Provider, interactionPolicy } from 'oidc-provider';

const config = JSON.parse(process.env.CONFIG);
const server = createServer();
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const issuer = `http://127.0.0.1:${server.address().port}`;
const keyPair = { ES256: ['ec', { namedCurve: 'P-256' }], RS256: ['rsa', { modulusLength: 2048 }], EdDSA: ['ed25519', {}] }[config.alg];
const key = generateKeyPairSync(...keyPair).privateKey.export({ format: 'jwk' });

// With acr_values alone the library keeps a session that is too weak: asking again is the deployment's policy.
const policy = interactionPolicy.base();
policy.get('login').checks.add(new interactionPolicy.Check('acr_values', 'the session is weaker than asked for', (ctx) => {
  const asked = ctx.oidc.params.acr_values?.split(' ') ?? [];
  return asked.length > 0 && !asked.includes(ctx.oidc.acr);
}));

let seen = {}; // the last authorization request, as the library understood it
let told = []; // what became of its logout tokens
const provider = new Provider(issuer, {
  jwks: { keys: [{ ...key, kid: 'p1', alg: config.alg, use: 'sig' }] },
  cookies: { keys: ['only for tests'] },
  clients: config.clients.map((c) => ({
    client_id: c.id, redirect_uris: [c.redirect], post_logout_redirect_uris: [c.home], response_types: ['code'], grant_types: ['authorization_code'],
    token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256', jwks: config.jwks,
    id_token_signed_response_alg: config.alg, subject_type: 'pairwise', require_pushed_authorization_requests: config.par,
    backchannel_logout_uri: c.logout, backchannel_logout_session_required: true,
  })),
  enabledJWA: { idTokenSigningAlgValues: [config.alg] },
  subjectTypes: ['pairwise'],
  pairwiseIdentifier: (ctx, accountId, client) => `${new URL(client.redirectUris[0]).hostname}/${accountId}`,
  acrValues: ['urn:test:low', 'urn:test:substantial', 'urn:test:high'],
  claims: {
    openid: ['sub'], profile: ['name', 'given_name', 'family_name', 'birthdate', 'locale'], acr: null, auth_time: null, sid: null, iss: null, groups: null,
  },
  extraParams: ['launch'],
  features: {
    devInteractions: { enabled: false },
    pushedAuthorizationRequests: { enabled: config.par },
    claimsParameter: { enabled: config.claims },
    backchannelLogout: { enabled: true },
    rpInitiatedLogout: { enabled: true },
    userinfo: { enabled: true },
  },
  // The library calls no address of this machine, as it should; in the test that is where we are.
  fetch: (url, { dispatcher, ...options }) => globalThis.fetch(url, options),
  interactions: { policy, url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  findAccount: (ctx, id) => ({
    accountId: id,
    claims: () => ({ sub: id, name: '王小明', given_name: '小明', family_name: '王', birthdate: '1999-12-31', locale: 'zh-CN', groups: config.groups }),
  }),
});

provider.use(async (ctx, next) => {
  if (ctx.path === '/seen') {
    ctx.body = { params: seen, told };
    return;
  }
  if (!ctx.path.startsWith('/interaction/')) return next();
  const { prompt, params, session } = await provider.interactionDetails(ctx.req, ctx.res);
  seen = params;
  if (prompt.name === 'login') {
    const asked = JSON.parse(params.claims || '{}').id_token?.acr?.values ?? params.acr_values?.split(' ') ?? [];
    const acr = config.acr || asked[0] || 'urn:test:substantial';
    const result = asked.length === 0 || asked.includes(acr) ? { login: { accountId: 'wang', acr } } : { error: 'unmet_authentication_requirements' };
    await provider.interactionFinished(ctx.req, ctx.res, result, { mergeWithLastSubmission: false });
  } else {
    const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
    grant.addOIDCScope(params.scope);
    grant.addOIDCClaims(['name', 'given_name', 'family_name', 'birthdate', 'locale', 'acr', 'auth_time', 'sid', 'groups']);
    await provider.interactionFinished(ctx.req, ctx.res, { consent: { grantId: await grant.save() } }, { mergeWithLastSubmission: true });
  }
  ctx.respond = false;
});
provider.on('server_error', (ctx, err) => console.error(err));
for (const event of ['authorization.error', 'grant.error', 'pushed_authorization_request.error']) {
  provider.on(event, (ctx, err) => console.error(event, err.message, err.error_description ?? ''));
}
provider.on('backchannel.success', (ctx, client) => told.push(`${client.clientId} ok`));
provider.on('backchannel.error', (ctx, err, client) => told.push(`${client.clientId} ${err.message}`));

server.on('request', provider.callback());
process.stdin.resume().on('end', () => process.exit(0)); // the test went away
console.log(issuer);
