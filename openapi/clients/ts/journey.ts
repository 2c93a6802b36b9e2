// Drives a residence certificate from the list of services to a stranger's check of the document, through the
// generated types alone. It is a test, and an example to copy from. The environment says where and as whom:
//
//   TOWNHALL_URL             address of the municipality: https://northwick.example
//   CITIZEN_CIVIC_TOKEN      the citizen's access token for <municipality>/civic/v1
//   CITIZEN_DOCUMENTS_TOKEN  the citizen's access token for <municipality>/documents/v1
//   REGISTRAR_TOKEN          an official's access token for <municipality>/workflow/v1
//   SECOND_REGISTRAR_TOKEN   a second official's, for the countersignature
import { randomUUID } from "node:crypto";
import createClient from "openapi-fetch";
import type { components as Civic, paths as CivicPaths } from "./generated/civic.js";
import type { components as Documents, paths as DocumentsPaths } from "./generated/documents.js";
import type { paths as WalletPaths } from "./generated/wallet.js";
import type { paths as WorkflowPaths } from "./generated/workflow.js";

type Application = Civic["schemas"]["Application"];
type ApplicationDocument = Civic["schemas"]["ApplicationDocument"];
type Problem = Civic["schemas"]["Problem"];
type State = Documents["schemas"]["Verification"]["state"];

const service = "residence-certificate";

const civic = createClient<CivicPaths>(options("civic", "CITIZEN_CIVIC_TOKEN"));
const documents = createClient<DocumentsPaths>(options("documents", "CITIZEN_DOCUMENTS_TOKEN"));
const stranger = createClient<DocumentsPaths>(options("documents"));
const wallet = createClient<WalletPaths>(options("wallet"));
const registrar = createClient<WorkflowPaths>(options("workflow", "REGISTRAR_TOKEN"));
const second = createClient<WorkflowPaths>(options("workflow", "SECOND_REGISTRAR_TOKEN"));

await lookAround();
const application = await apply();
await decide(application);
await check(await issued(application));

/** Lists what there is, as a wallet and as a citizen's program would. */
async function lookAround(): Promise<void> {
  const apps = await wallet.GET("/miniapps");
  const first = expect("list-miniapps", apps).miniapps[0];
  if (!first) throw new Error("list-miniapps: nothing is offered");
  say("mini-apps", `${first.name} opens at ${first.townhall.initiate_login_uri}`);

  const services = await civic.GET("/services");
  for (const s of expect("list-services", services).services) {
    say("service", `${s.title}, decided by ${s.agency}, needs a sign-in of level ${s.level}`);
  }
}

/**
 * Starts an application and sends it. On the way it forgets the declaration once, and looks at an old version once: two
 * problems a program has to handle, told apart by their code.
 */
async function apply(): Promise<Application> {
  const key = randomUUID();
  const start = () => civic.POST("/applications", { params: { header: { "Idempotency-Key": key } }, body: { service } });
  const draft = expect("start-application", await start());
  const again = expect("start-application, repeated", await start()); // as after a lost answer
  if (again.id !== draft.id) throw new Error("the repeated request started a second application");
  say("start", `${draft.number} is ${draft.state}; the repeated request started nothing new`);

  const submit = (version: number, input: Record<string, unknown>) =>
    civic.POST("/applications/{id}/actions/{action}", {
      params: { path: { id: draft.id, action: "submit" }, header: { "Idempotency-Key": randomUUID() } },
      body: { version, input },
    });
  const answers = { purpose: "bank", certificate_language: "en", copies: 1 };

  const undeclared = refused("submit without declaration", await submit(draft.version, answers), 422, "invalid-input");
  const field = undeclared.errors?.[0];
  if (!field) throw new Error("the problem names no field");
  say("problem", `${undeclared.code}: ${field.field} ${field.detail}`);

  const declared = { ...answers, declaration: true };
  const stale = refused("submit on another version", await submit(draft.version + 5, declared), 409, "changed-meanwhile");
  say("problem", `${stale.code}: ${stale.detail}`);

  const sent = expect("submit", await submit(draft.version, declared));
  say("submit", `${sent.state_text}: ${sent.next_text}`);
  return sent;
}

/** Proposes, fails to countersign its own proposal, and has a second official do it. */
async function decide({ id }: Application): Promise<void> {
  const open = expect("get-case", await registrar.GET("/cases/{id}", { params: { path: { id } } }));
  say("case", `${open.applicant.name} applies; possible now: ${open.actions.map((a) => a.label).join(", ")}`);

  const take = (who: typeof registrar, version: number, action: string, input: Record<string, unknown> = {}) =>
    who.POST("/cases/{id}/actions/{action}", {
      params: { path: { id, action }, header: { "Idempotency-Key": randomUUID() } },
      body: { version, input },
    });
  const assessment = "Entered in the register at this address.";
  const proposed = expect("propose", await take(registrar, open.version, "propose", { assessment }));
  say("propose", proposed.state_text);

  const own = refused("countersign one's own proposal", await take(registrar, proposed.version, "countersign"), 403, "four-eyes");
  say("problem", `${own.code}: ${own.detail}`);

  const done = expect("countersign", await take(second, proposed.version, "countersign"));
  if (!done.final) throw new Error(`countersign left the case in ${done.state}`);
  say("countersign", done.state_text);
}

/** Asks until the document is signed and published. */
async function issued({ id }: Application): Promise<ApplicationDocument> {
  for (let i = 0; i < 300; i++) {
    const list = expect("list-application-documents", await civic.GET("/applications/{id}/documents", { params: { path: { id } } }));
    const document = list.documents.find((d) => d.state === "valid");
    if (document) {
      say("document", `${document.title}, number ${document.number}`);
      return document;
    }
    await new Promise((resolve) => setTimeout(resolve, 200));
  }
  throw new Error("the document was not issued in time");
}

/** Downloads the document as its holder and verifies it as a stranger: by number, by file, and with one byte changed. */
async function check({ id, number }: ApplicationDocument): Promise<void> {
  const file = new Uint8Array(
    expect("get-document-file", await documents.GET("/documents/{id}/file", { params: { path: { id } }, parseAs: "arrayBuffer" })),
  );
  if (new TextDecoder().decode(file.subarray(0, 5)) !== "%PDF-") throw new Error("that is no PDF");
  say("download", `${file.length} bytes of PDF`);

  const known = expect("verify-number", await stranger.GET("/verifications/{number}", { params: { path: { number } } }));
  verdict("number", known.state, "valid");

  // The contract says "a string of bytes"; what is sent is the bytes.
  const upload = (bytes: Uint8Array) =>
    stranger.POST("/verifications", {
      body: bytes as unknown as string,
      bodySerializer: (body) => body,
      headers: { "Content-Type": "application/pdf" },
    });
  verdict("file", expect("verify-file", await upload(file)).state, "valid");

  const altered = file.slice();
  const middle = altered.length >> 1;
  altered[middle] = (altered[middle] ?? 0) ^ 1;
  verdict("altered file", expect("verify-file", await upload(altered)).state, "altered");
}

function verdict(what: string, state: State, want: State): void {
  if (state !== want) throw new Error(`${what}: ${state}, want ${want}`);
  say("verify", `${what}: ${state}`);
}

/** The answer's body, or an error that names the step and the problem. */
function expect<T>(step: string, answer: { data?: T; error?: Problem; response: Response }): NonNullable<T> {
  if (answer.data === undefined || answer.data === null) {
    throw new Error(`${step}: ${answer.response.status} ${JSON.stringify(answer.error)}`);
  }
  return answer.data;
}

/** The problem of an answer that must be refused for exactly one reason. */
function refused(step: string, answer: { data?: unknown; error?: Problem; response: Response }, status: number, code: string): Problem {
  if (answer.error === undefined || answer.response.status !== status || answer.error.code !== code) {
    throw new Error(`${step}: ${answer.response.status} ${JSON.stringify(answer.error ?? answer.data)}`);
  }
  return answer.error;
}

/** A contract's base address below the municipality's own, and the access token it wants. */
function options(contract: string, variable?: string): { baseUrl: string; headers: Record<string, string> } {
  return {
    baseUrl: `${environment("TOWNHALL_URL")}/${contract}/v1`,
    headers: variable ? { Authorization: `Bearer ${environment(variable)}` } : {},
  };
}

function environment(name: string): string {
  const value = process.env[name];
  if (!value) throw new Error(`set ${name}`);
  return value;
}

function say(step: string, text: string): void {
  console.log(step.padEnd(12), text);
}
