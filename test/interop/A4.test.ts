/** A4: the torture messages on the wire, from a trusted trunk; then a good call. */
import { expect, test } from "vitest";
import { parameters } from "../prove/Rows.ts";
import * as Corpus from "../support/Corpus.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Need from "../support/Need.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";

const { rounds } = parameters("A4");

const trunkIp = "127.0.0.19";
/**
 * Where answers may come: the source, which is also the default port, and the ports that the files
 * name in their topmost Via.
 */
const ports = [5_060, 5_050, 5_070, 6_050, 19_823];
const answerMs = 2_000;
/** So long nothing may come in answer to what must be discarded. */
const silenceMs = 300;

Need.suite("A4 torture", ["corpus"], () => {
  const engine = Engine.forSuite(() => ({
    directory: {
      tenants: [
        ...Directory.demo().tenants,
        // The files are addressed to example.com; its user is not registered anywhere.
        ...Directory.demo({
          id: "torture",
          domain: "example.com",
          users: [{ extension: "user", name: "User", secret: "never used" }],
          trunks: [{ id: "peer", address: `${trunkIp}:5060`, transport: "udp", inbound: true }],
        }).tenants,
      ],
    },
  }));

  test("each file gets the answer that it deserves", async () => {
    const sockets = await Promise.all(
      ports.map((port) => RawSip.udp({ remote: engine().sip, ip: trunkIp, port })),
    );
    const wrong: Array<string> = [];
    let sent = 0;
    for (let round = 0; round < rounds; round += 1) {
      for (const torture of Corpus.read()) {
        const verdict = await judge(sockets, torture);
        sent += 1;
        if (verdict !== undefined) wrong.push(`${torture.file}: ${verdict}`);
        expect(engine().isAlive(), `the engine lives after ${torture.file}`).toBe(true);
      }
    }
    await Promise.all(sockets.map((socket) => socket.close()));
    expect(wrong).toEqual([]);
    expect(sent).toBe(62 * rounds);
  });

  test("a good call after them", async () => {
    await Scene.goodCall(engine());
    await Engine.idle(engine());
  });
});

const isFinal = (message: Sip.Message) => !message.isRequest && (message.status ?? 0) >= 200;

/** Why the answer to a file is wrong, if it is. */
const judge = async (
  sockets: ReadonlyArray<RawSip.RawSip>,
  torture: Corpus.Torture,
): Promise<string | undefined> => {
  const source = sockets[0];
  if (source === undefined) throw new Error("no socket");
  const seen = sockets.map((socket) => socket.received.length);
  const answers = () =>
    sockets.flatMap((socket, index) => socket.received.slice(seen[index])).filter((message) =>
      isFinal(message) && isAbout(torture, message)
    );
  source.send(torture.text);
  const silent = expectsSilence(torture);
  const end = performance.now() + (silent ? silenceMs : answerMs);
  while (answers().length === 0 && performance.now() < end) await probe(source);
  const [answer] = answers();
  const alive = await probe(source);
  if (!alive) return "no answer to OPTIONS after it";
  if (answer === undefined) {
    return silent || mayBeSilent(torture) ? undefined : `no answer; expected: ${torture.detail}`;
  }
  if (silent) return `answered with ${answer.start}; must be discarded`;
  return fits(torture, answer.status ?? 0)
    ? undefined
    : `answered with ${answer.start}; expected: ${torture.expect} ${torture.detail}`;
};

/** The engine still answers, and what was sent before is done. */
const probe = (socket: RawSip.RawSip): Promise<boolean> =>
  Hostile.ask(socket, {}, answerMs).then(() => true, () => false);

const isAbout = ({ branch, callId }: Corpus.Torture, message: Sip.Message): boolean => {
  if (branch !== undefined) return Sip.header(message, "via").includes(branch);
  return callId === undefined || Sip.header(message, "call-id") === callId;
};

const isResponse = ({ text }: Corpus.Torture) => text.startsWith("SIP/2.0 ");

/** A response that nobody waits for is never answered. */
const expectsSilence = (torture: Corpus.Torture) => isResponse(torture);

const mayBeSilent = ({ expect, detail }: Corpus.Torture) =>
  expect === "either" || expect === "none" || /discarded|dropped/.test(detail);

/** Answers of a parser or validator; an accepted message gets later ones, such as 401 or 481. */
const refusals = [400, 413, 414, 416, 505, 513];

const fits = ({ expect, detail }: Corpus.Torture, status: number): boolean => {
  if (expect === "either" || expect === "none") return true;
  if (expect === "accept") return !refusals.includes(status) && status < 600;
  const named = [...detail.matchAll(/\b[45]\d\d\b/g)].map(([code]) => Number(code));
  return named.includes(status);
};
