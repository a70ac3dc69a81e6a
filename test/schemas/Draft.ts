/** Drafts of samples: values of a schema whose fields look like what they are. */
import type { SchemaAST } from "effect";
import * as Hash from "../../src/kernel/Hash.ts";
import { own } from "./Contract.ts";
import { membersOf, missing, shownBy } from "./Variants.ts";

type Ast = SchemaAST.AST;

const sdp = "v=0\r\no=- 1 1 IN IP4 192.0.2.10\r\ns=-\r\nc=IN IP4 192.0.2.10\r\nt=0 0\r\n" +
  "m=audio 40000 RTP/AVP 0 8\r\na=sendrecv\r\n";
const at = 1_795_000_000_000;

/** What a field holds, by its name. */
const values: Readonly<Record<string, unknown>> = {
  ...{ cell: "a", shard: 17, tenant: "acme", actor: "call/gmzdknzxgi3tcnrq", edge: "e1", v: 1 },
  ...{ worker: "m1", incarnation: "boot1", epoch: 3, sequence: 41, index: 0, slot: 1, leg: 1 },
  ...{ slots: 3, stream: 0, generation: 2, call: "gmzdknzxgi3tcnrq", relay: "gmzdknzxgi3tcnrq" },
  ...{ at, deadline: at + 32_000, since: at, expiresAt: at + 3_600_000, lastAt: at },
  ...{ startedAt: at, ringingAt: at + 900, answeredAt: at + 4_000, endedAt: at + 64_000 },
  ...{ durationMs: 60_000, ringMs: 60_000, maxCallMs: 14_400_000, maxBindings: 10, legs: 2 },
  ...{ extension: "1001", extensions: "1001", display: "Ada", number: "0301234", trunk: "carrier" },
  ...{ domain: "acme.test", realm: "acme.test", mediaNetworks: "192.0.2.0/24", match: "0*" },
  ...{ dialled: "1002", users: "1003", redirectedTo: "1003", id: "carrier", username: "gw" },
  ...{ secret: "secret", name: "Ada", address: "192.0.2.9", credential: "0f1e2d3c4b5a" },
  ...{ fingerprint: "0f1e2d3c4b5a", value: "00112233445566778899aabbccddeeff", ip: "192.0.2.10" },
  ...{ port: 5_060, connection: 7, cseq: 2, status: 200, reason: "reason", maxForwards: 70 },
  ...{ uri: "sip:1001@192.0.2.10:5060", key: "sip:1001@192.0.2.10:5060", q: "0.7", regId: 1 },
  ...{ instance: "urn:uuid:f81d4fae-7dec-11d0-a765-00a0c91e6bf6", target: "sip:1002@192.0.2.11" },
  ...{ contact: "sip:1002@192.0.2.11:5060", contactUser: "1001", userAgent: "Phone/1.0" },
  ...{ path: "sip:proxy.acme.test;lr", routeSet: "sip:proxy.acme.test;lr", sdp, expires: 3_600 },
  ...{ recordRoutes: "<sip:proxy.acme.test;lr>", callId: "a84b4c76e66710", tag: "1928301774" },
  ...{ fromTag: "1928301774", remoteTag: "a6c85cf", toTag: "8321234356", forkTag: "314159" },
  ...{ from: '"Ada" <sip:1001@acme.test>;tag=1928301774', to: "<sip:1002@acme.test>" },
  ...{ branch: "z9hG4bK776asdhds", sentBy: "192.0.2.1:5060", method: "INVITE", nc: "00000001" },
  ...{ transaction: "z9hG4bK776asdhds 192.0.2.10:5060 INVITE", headers: "Alert-Info" },
  ...{ vias: "SIP/2.0/UDP 192.0.2.10:5060;branch=z9hG4bK776asdhds;received=192.0.2.10" },
  ...{ nonce: "bm9uY2U", cnonce: "0a4f113b", response: "00112233445566778899aabbccddeeff" },
  ...{ requestUser: "1002", requestHost: "acme.test", fromUser: "1001", fromHost: "acme.test" },
  ...{ toUser: "1002", toHost: "acme.test", user: "1001", source: "192.0.2.10", caller: "1001" },
  ...{ callee: "1002", latchFrom: "192.0.2.10", hz: 440, ports: 10_000, retryAfterMs: 5_000 },
  ...{ expiresIn: 3_600, shards: 64, hash: 1, owner: "core-1", started: 40, version: 1, depth: 1 },
  ...{ command: "offer/1x2y3z", causation: "offer/1x2y3z", line: "INVITE sip:1002@acme.test" },
  ...{
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    peer: "udp 192.0.2.10",
  },
  ...{ flow: "udp 192.0.2.10:5060", events: "CallOffered", detail: "detail", what: "user 1001" },
  ...{
    labels: { reason: "schema" },
    ringSeconds: 60,
    maxCallSeconds: 3_600,
    state: {},
    effect: {},
  },
};

/** Values whose name means something else within another object, by the end of the path. */
const placed: ReadonlyArray<readonly [end: string, value: unknown]> = [
  ["RequestEnvelope.id", "offer/1x2y3z"],
  ["QueryEnvelope.id", "apply/1x2y3z/0"],
  ["ReplyEnvelope.id", "offer/1x2y3z"],
  ["Performer.id", "e1"],
  ["tenants[].id", "acme"],
  ["trunks[].address", "192.0.2.9:5060"],
  ["ActorSnapshot.replies[]", "command-1"],
  ["slots[]", 3],
  ["endpoints[].sdp", 2],
  ["RegisterContacts.identity.method", "REGISTER"],
  ["RegisterContacts.identity.requestUser", ""],
  ["RegisterContacts.identity.toUser", "1001"],
  ["ref.slot", "invite:1"],
  ["refs[].slot", "invite:1"],
  ["EffectRef.slot", "invite:1"],
  ["EffectsDone[].slot", "invite:1"],
  ["RecordHeader.key", "k1"],
  ["CdrRow.cause", "hangup"],
  ["CounterRow.value", 12],
  ["MessageRow.cseq", "1 INVITE"],
  ["CdrRow.endedBy", "caller"],
];

const valueAt = (path: string): unknown => {
  const own = placed.find(([end]) => path.endsWith(end));
  if (own !== undefined) return own[1];
  return values[path.replace(/\[\]/g, "").replace(/^.*\./, "")];
};

/** "full": all there is; "bare": as little as may be; a number: some of it. */
type Choice = "full" | "bare" | number;

const pick = (choice: Choice, path: string, options: number): number =>
  choice === "full"
    ? 0
    : choice === "bare"
    ? options - 1
    : Hash.hash32(`${path} ${choice}`) % options;

const draft = (ast: Ast, choice: Choice, path: string): unknown => {
  const isNested = /[.[]/.test(path);
  const how: Choice = isNested && own.has(ast) ? "full" : choice;
  switch (ast._tag) {
    case "Null":
      return null;
    case "Literal":
      return ast.literal;
    case "Boolean":
      return pick(how, path, 2) === 0;
    case "Union": {
      const members = membersOf(ast);
      return draft(members[pick(how, path, members.length)]!, how, path);
    }
    case "Objects": {
      if (ast.propertySignatures.length === 0) return valueAt(path) ?? {};
      const fields = ast.propertySignatures.flatMap(({ name, type }) => {
        const at = `${path}.${String(name)}`;
        const isThere = !(type.context?.isOptional ?? false) || pick(how, `${at}?`, 2) === 0;
        return isThere ? [[name, draft(type, how, at)] as const] : [];
      });
      return Object.fromEntries(fields);
    }
    case "Arrays": {
      const head = ast.elements.map((type) => draft(type, how, `${path}[]`));
      const more = ast.rest[0];
      const isFilled = more !== undefined && pick(how, `${path}[]?`, 2) === 0;
      return isFilled ? [...head, draft(more, how, `${path}[]`)] : head;
    }
    case "Number":
      return valueAt(path) ?? 7;
    case "String":
      return valueAt(path) ?? "text";
    default:
      return valueAt(path) ?? {};
  }
};

/** Samples that show, together with those there are, every variant of the schema. */
export const samples = (
  name: string,
  ast: Ast,
  known: ReadonlyArray<unknown>,
): ReadonlyArray<unknown> => {
  const made: Array<unknown> = [];
  let left = new Set(missing(ast, known));
  const choices: ReadonlyArray<Choice> = ["full", "bare", ...Array(2_000).keys()];
  for (const choice of choices) {
    const value = draft(ast, choice, name);
    const shows = shownBy(ast, value).some((variant) => left.has(variant));
    if (!shows && (known.length > 0 || made.length > 0)) continue;
    made.push(value);
    left = new Set(missing(ast, [...known, ...made]));
    if (left.size === 0) return made;
  }
  throw new Error(`no sample of ${name} shows ${[...left].join(", ")}`);
};
