// Checks a catalogue with nothing of ours: JSON and cryptography are those of Node, canonical JSON is JSON.stringify with
// sorted members (which is what RFC 8785 says, in ECMAScript's own words), the tree is written down from RFC 6962 §2.1.
// Reads {catalogue, keys, head, records} from standard input and prints one line per thing that was checked.
import { createHash, createPublicKey, verify } from "node:crypto";
import { readFileSync } from "node:fs";

const { catalogue, keys, head, records } = JSON.parse(readFileSync(0, "utf8"));
const sha256 = (...parts) => parts.reduce((h, p) => h.update(p), createHash("sha256")).digest();
const must = (ok, what) => { if (!ok) throw new Error(what); };

function canonical(v) {
  if (Array.isArray(v)) return "[" + v.map(canonical).join(",") + "]";
  if (v !== null && typeof v === "object")
    return "{" + Object.keys(v).sort().map((k) => JSON.stringify(k) + ":" + canonical(v[k])).join(",") + "}";
  return JSON.stringify(v);
}

function root(leaves) {
  if (leaves.length === 0) return sha256("");
  if (leaves.length === 1) return sha256(Buffer.from([0]), leaves[0]);
  let k = 1;
  while (2 * k < leaves.length) k *= 2;
  return sha256(Buffer.from([1]), root(leaves.slice(0, k)), root(leaves.slice(k)));
}

// The signed note: text, empty line, "— name base64(key id, signature)".
const [text, signature] = [head.signed.slice(0, head.signed.indexOf("\n\n") + 1), head.signed.split("\n\n")[1]];
const [, name, sig] = /^— (\S+) (\S+)\n$/.exec(signature);
const publicKey = Buffer.from(head.key.slice(head.key.indexOf("+", head.key.indexOf("+") + 1) + 1), "base64");
must(publicKey[0] === 1 && publicKey.length === 33, "not an Ed25519 verifier key");
const ed = createPublicKey({ format: "jwk", key: { kty: "OKP", crv: "Ed25519", x: publicKey.subarray(1).toString("base64url") } });
const id = sha256(name + "\n", publicKey).subarray(0, 4);
must(Buffer.from(sig, "base64").subarray(0, 4).equals(id), "key id");
must(verify(null, Buffer.from(text), ed, Buffer.from(sig, "base64").subarray(4)), "signature of the tree head");
const [origin, size, hash] = text.split("\n");
must(origin === name && Number(size) === records.length, "size");
must(root(records.map((r) => r.leaf)).toString("base64") === hash, "root");
console.log(`log ${size}`);

for (const m of catalogue.miniapps) {
  const { publication } = m.townhall;
  delete m.townhall.publication;
  const payload = canonical(m);
  must("sha256:" + sha256(payload).toString("hex") === publication.hash, "hash of " + m.app_id);
  const [header, middle, jws] = publication.signature.split(".");
  must(middle === "", "detached");
  const { alg, kid, typ } = JSON.parse(Buffer.from(header, "base64url"));
  must(alg === "ES256" && typ === "miniapp-manifest+jws", "header");
  const jwk = keys[m.townhall.publisher.jwks_uri].keys.find((k) => k.kid === kid);
  must(jwk.d === undefined, "a private key is shown");
  const input = header + "." + Buffer.from(payload).toString("base64url");
  must(verify("sha256", Buffer.from(input), { key: createPublicKey({ format: "jwk", key: jwk }), dsaEncoding: "ieee-p1363" }, Buffer.from(jws, "base64url")), "signature of " + m.app_id);
  const record = JSON.parse(records[publication.log_index].leaf);
  must(canonical(record) === records[publication.log_index].leaf, "leaf");
  must(record.hash === publication.hash && record.signature === publication.signature && record.tenant + "." + record.app_id === m.townhall.client_id, "record of " + m.app_id);
  console.log(`${m.townhall.client_id} ${publication.hash}`);
}
