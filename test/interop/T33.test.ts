/**
 * T33: whether a user exists, or has a phone, shows neither in an answer nor in its time. For each
 * method the same questions about a user of each kind, interleaved in random order, each from a
 * source address of its own; every user is new to the engine when its turn comes.
 */
import { beforeAll, expect, test } from "vitest";
import { parameters } from "../prove/Rows.ts";
import * as Digest from "../support/Digest.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Need from "../support/Need.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import * as Statistics from "../support/Statistics.ts";

const { samples } = parameters("T33");
const { domain } = Directory;

const methods = ["REGISTER", "INVITE", "OPTIONS", "SUBSCRIBE"] as const;
const kinds = ["unknown", "registered", "unregistered"] as const;
/** Asked without credentials first, then with wrong ones. */
const steps = ["challenge", "refusal"] as const;

type Method = typeof methods[number];
type Kind = typeof kinds[number];

const first: Readonly<Record<Kind, number>> = {
  registered: 100_000,
  unregistered: 200_000,
  unknown: 300_000,
};
const smallestP = 0.01;
/**
 * Of 16 comparisons one falls below 1 % by chance in one run of seven. A real difference does so
 * every time, so only what fails this often in a row, each time with new samples, is one.
 */
const attempts = 3;

interface Measured {
  readonly times: Map<string, Array<number>>;
  readonly answers: Map<string, Set<string>>;
}

const shuffled = <Value>(values: ReadonlyArray<Value>): ReadonlyArray<Value> =>
  values.map((value) => [Math.random(), value] as const)
    .toSorted(([a], [b]) => a - b)
    .map(([, value]) => value);

/** An answer without what must differ: ids, tags and nonces keep their length alone. */
const normal = (answer: Sip.Message, user: string): string =>
  answer.headers
    .map(([name, value]) => {
      if (["via", "from", "call-id", "cseq"].includes(name)) return name;
      const same = value
        .replaceAll(user, "USER")
        .replace(/tag=[^;\s]+/g, (tag) => `tag of ${tag.length}`)
        .replace(/nonce="[^"]*"/g, (nonce) => `nonce of ${nonce.length}`);
      return `${name}: ${same}`;
    })
    .reduce((text, line) => `${text}\n${line}`, answer.start) + answer.body;

const requestFor = (method: Method, user: string): Hostile.Request => {
  const aor = `sip:${user}@${domain}`;
  const event = method === "SUBSCRIBE" ? { Event: "presence", Expires: "60" } : {};
  return {
    method,
    uri: method === "REGISTER" ? `sip:${domain}` : aor,
    headers: { From: `<${aor}>;tag=${Sip.token()}`, To: `<${aor}>`, ...event },
  };
};

/** A challenged INVITE waits for its ACK, or its answer would be repeated into other samples. */
const acknowledge = (socket: RawSip.RawSip, sent: Hostile.Built, answer: Sip.Message): void => {
  const invite = Sip.parse(sent.text, socket.local, 0);
  socket.send(Sip.format(invite.start.replace("INVITE", "ACK"), [
    ["Via", Sip.header(invite, "via")],
    ["Max-Forwards", "70"],
    ["From", Sip.header(invite, "from")],
    ["To", Sip.header(answer, "to")],
    ["Call-ID", sent.callId],
    ["CSeq", "1 ACK"],
  ]));
};

const ask = async (socket: RawSip.RawSip, request: Hostile.Request) => {
  const sent = Hostile.build(socket, request);
  const mine = (message: Sip.Message) =>
    (message.status ?? 0) >= 200 && Sip.header(message, "call-id") === sent.callId;
  const startedAt = performance.now();
  socket.send(sent.text);
  const answer = await socket.next(`answer to ${request.method}`, mine);
  if (request.method === "INVITE") acknowledge(socket, sent, answer);
  return { answer, tookMs: answer.atMs - startedAt };
};

const note = ({ times, answers }: Measured, key: string, tookMs: number, answer: string) => {
  const known = times.get(key);
  if (known === undefined) times.set(key, [tookMs]);
  else known.push(tookMs);
  answers.set(key, (answers.get(key) ?? new Set()).add(answer));
};

const measure = async (engine: Engine.Engine, index: number, measured: Measured) => {
  const ip = `127.1.${Math.floor(index / 250)}.${1 + index % 250}`;
  const socket = await RawSip.udp({ remote: engine.sip, ip });
  const questions = methods.flatMap((method) => kinds.map((kind) => ({ method, kind })));
  for (const { method, kind } of shuffled(questions)) {
    const user = String(first[kind] + index);
    const request = requestFor(method, user);
    const challenge = await ask(socket, request);
    note(measured, `${method} challenge ${kind}`, challenge.tookMs, normal(challenge.answer, user));
    const given = Digest.parse(Sip.header(challenge.answer, "www-authenticate"), "Authorization");
    const who = { username: user, secret: "wrong" };
    const proof = Digest.answer(given, who, { method, uri: request.uri ?? "" });
    const headers = { ...request.headers, Authorization: proof };
    const refusal = await ask(socket, { ...request, headers });
    note(measured, `${method} refusal ${kind}`, refusal.tookMs, normal(refusal.answer, user));
  }
  await socket.close();
};

/** All that can be told apart. */
const differences = ({ times, answers }: Measured): ReadonlyArray<string> =>
  methods.flatMap((method) =>
    steps.flatMap((step) => {
      const of = (kind: Kind) => times.get(`${method} ${step} ${kind}`) ?? [];
      const texts = kinds.flatMap((kind) => [...answers.get(`${method} ${step} ${kind}`) ?? []]);
      const others = (["registered", "unregistered"] as const).flatMap((kind) => {
        const p = Statistics.pValue(of("unknown"), of(kind));
        if (p > smallestP) return [];
        const medians = [of("unknown"), of(kind)].map((one) => Statistics.median(one).toFixed(3));
        return [`${method} ${step}: unknown ${medians[0]} ms, ${kind} ${medians[1]} ms, p = ${p}`];
      });
      const different = new Set(texts).size === 1 ? [] : [
        `${method} ${step}: answers differ:\n${[...new Set(texts)].join("\n---\n")}`,
      ];
      return [...others, ...different];
    })
  );

Need.suite("T33 enumeration", [], () => {
  const engine = Engine.forSuite(() => ({
    directory: Directory.demo({
      users: [
        ...Directory.users(1_001, 2),
        ...Directory.users(first.registered, attempts * samples),
        ...Directory.users(first.unregistered, attempts * samples),
      ],
    }),
  }));

  /** Registered from one phone: who they are is what counts, not where. */
  const registerAll = async (from: number) => {
    const phones = 50;
    for (let index = 0; index < samples; index += phones) {
      await Promise.all(Array.from({ length: Math.min(phones, samples - index) }, async (_, n) => {
        const extension = String(first.registered + from + index + n);
        const phone = await Scene.registered(engine(), extension, { ip: `127.0.1.${1 + n}` });
        await phone.close();
      }));
    }
  };

  beforeAll(() => registerAll(0), 120_000);

  test(`T33 ${samples} of each kind, four methods, with and without credentials`, async () => {
    let suspects: ReadonlyArray<string> = [];
    for (let attempt = 0; attempt < attempts; attempt += 1) {
      const from = attempt * samples;
      if (attempt > 0) await registerAll(from);
      const measured: Measured = { times: new Map(), answers: new Map() };
      for (let index = from; index < from + samples; index += 1) {
        await measure(engine(), index, measured);
      }
      const found = differences(measured);
      const nameOf = (difference: string) => difference.split(":")[0];
      const before = new Set(suspects.map(nameOf));
      suspects = attempt === 0 ? found : found.filter((one) => before.has(nameOf(one)));
      if (suspects.length === 0) break;
    }
    expect(suspects.join("\n")).toBe("");
  }, 900_000);

  test("T33 a good call after them", () => Scene.goodCall(engine()));
});
