/** The media worker dies alone: calls keep their ports, new ones wait for its next life. */
import { expect, test } from "vitest";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as Processes from "../support/Processes.ts";
import * as Rtp from "../support/Rtp.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { until } from "../support/Until.ts";

/** A phone with RTP ports of its own. */
const audible = async (engine: Engine.Engine, extension: string) => {
  const port = await Ports.free("127.0.0.1", 2);
  const rtp = await Rtp.open("127.0.0.1", port);
  const phone = await Scene.registered(engine, extension);
  return { rtp, phone, sdp: Sip.audio({ ip: "127.0.0.1", port }) };
};
type Audible = Awaited<ReturnType<typeof audible>>;

const ring = async (caller: Audible, callee: Audible) => {
  const dialling = await caller.phone.dial(callee.phone.options.extension, { body: caller.sdp });
  const incoming = await callee.phone.incoming();
  incoming.ring();
  await dialling.response(180);
  return { caller, callee, dialling, incoming };
};

const answer = async ({ callee, dialling, incoming }: Awaited<ReturnType<typeof ring>>) => {
  const [there, here] = await Promise.all([incoming.answer(callee.sdp), dialling.answered()]);
  return { there, here };
};

Need.suite("media worker killed", [], () => {
  const engine = Engine.forSuite(() => ({}));

  test("the ports of a call that rings are kept for it, a new call waits and goes on", async () => {
    const phones = await Promise.all(
      ["1001", "1002", "1003", "1004"].map((extension) => audible(engine(), extension)),
    );
    const [one, two, three, four] = phones;
    if (!one || !two || !three || !four) throw new Error("four phones");
    const ringing = await ring(one, two);
    const isMedia = (pid: number) => Processes.commandOf(pid).includes("workers/media.ts");
    const [media = 0] = Processes.childrenOf(engine().pid).filter(isMedia);
    Processes.signal(media, "SIGKILL");
    await until("the end of the media worker", () => !Processes.isAlive(media), 5_000);
    const later = await answer(await ring(three, four));
    const first = await answer(ringing);
    const calls = [first, later];
    const targets = calls.flatMap(({ here, there }) => [here.sdp, there.sdp].map(Sip.audioTarget));
    expect(new Set(targets.map(({ port }) => port)).size).toBe(4);
    const playing = [one, two, three, four].map(({ rtp }, n) => rtp.play(targets[n]!, 440));
    const isHeard = () => phones.every(({ rtp }) => rtp.received.length > 20);
    await until("sound at all four phones", isHeard, 5_000);
    for (const { stop } of playing) stop();
    for (const { here, there } of calls) await Scene.hangUp(here, there);
    await Promise.all(phones.map(({ phone, rtp }) => Promise.all([phone.close(), rtp.close()])));
  });
});
