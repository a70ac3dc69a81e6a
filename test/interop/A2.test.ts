/** A2: audio both ways, without a gap. */
import { expect, test } from "vitest";
import { parameters } from "../prove/Rows.ts";
import * as Baresip from "../support/Baresip.ts";
import { domain } from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Goertzel from "../support/Goertzel.ts";
import { echo, toneFeature } from "../support/Names.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as Rtp from "../support/Rtp.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { until } from "../support/Until.ts";
import type * as Wav from "../support/Wav.ts";

const { seconds } = parameters("A2");
const longestGapMs = 60;
/** baresip holds back its jitter buffer's 20 frames at most when it ends. */
const heldBackMs = 400;

const lengthMs = (audio: Wav.Audio) => audio.samples.length * 1000 / audio.rate;

const only = (recorded: ReadonlyArray<Wav.Audio>): Wav.Audio => {
  const [first, ...more] = recorded;
  if (first === undefined || more.length > 0) throw new Error(`${recorded.length} recordings`);
  return first;
};

/** What arrived is the other side's tone alone: no gap in it, and nothing of it missing. */
const hears = (listener: Baresip.Baresip, speaker: Baresip.Baresip, hz: number, ownHz: number) => {
  const heard = only(listener.heard());
  const tone = Goertzel.tone(heard.samples, heard.rate, hz);
  expect(tone.spanMs).toBeGreaterThanOrEqual(seconds * 1000);
  expect(tone.longestGapMs).toBeLessThanOrEqual(longestGapMs);
  // A lost packet leaves no gap in the file, it makes the file shorter.
  const missingMs = lengthMs(only(speaker.said())) - lengthMs(heard);
  expect(missingMs).toBeLessThanOrEqual(longestGapMs + heldBackMs);
  expect(Goertzel.tone(heard.samples, heard.rate, ownHz).spanMs).toBe(0);
};

Need.suite("A2 two baresip", ["baresip"], () => {
  const engine = Engine.forSuite(() => ({}));

  test("each side hears the other's tone and nothing else", async () => {
    const [one, other] = await Promise.all([
      Baresip.start({ extension: "1001", toneHz: 440, engine: engine().sip }),
      Baresip.start({ extension: "1002", toneHz: 880, engine: engine().sip }),
    ]);
    await Promise.all([one.registered(), other.registered()]);
    await one.dial(`sip:1002@${domain}`);
    await other.event("CALL_INCOMING");
    await other.answer();
    await Promise.all([one.event("CALL_ESTABLISHED"), other.event("CALL_ESTABLISHED")]);
    const enough = (phone: Baresip.Baresip) => () =>
      phone.heard().some((audio) => lengthMs(audio) > seconds * 1000 + 500);
    await until("sound at the caller", enough(one), seconds * 1000 + 10_000);
    await until("sound at the callee", enough(other), 5_000);
    await one.hangUp();
    await Promise.all([one.event("CALL_CLOSED"), other.event("CALL_CLOSED")]);
    hears(one, other, 880, 440);
    hears(other, one, 440, 880);
    await Promise.all([one.stop(), other.stop()]);
  });
});

Need.suite("A2 one phone alone", [], () => {
  const engine = Engine.forSuite(() => ({}));

  const dial = async (feature: string) => {
    const phone = await Scene.registered(engine(), "1003");
    const port = await Ports.free("127.0.0.1", 2);
    const rtp = await Rtp.open("127.0.0.1", port);
    const body = Sip.audio({ ip: "127.0.0.1", port });
    const call = await (await phone.dial(feature, { body })).answered();
    return { phone, rtp, call, target: Sip.audioTarget(call.sdp) };
  };

  const packets = seconds * 50;

  test(`${echo} sends back what it hears, each packet, in time`, async () => {
    const { phone, rtp, call, target } = await dial(echo);
    const playing = rtp.play(target, 440);
    await until("the echo", () => rtp.received.length >= packets, seconds * 1000 + 5_000);
    playing.stop();
    await call.bye();
    const heard = rtp.received.slice(0, packets);
    expect(Rtp.longestGapMs(heard)).toBeLessThanOrEqual(longestGapMs);
    expect(heard.every((one) => one.from.port === target.port)).toBe(true);
    const sequences = heard.map((one) => one.sequence);
    const inOrder = sequences.every((one, index) => one === ((sequences[0] ?? 0) + index) % 65_536);
    expect(inOrder, sequences.join(" ")).toBe(true);
    const tone = Goertzel.tone(Rtp.samples(heard), 8_000, 440);
    expect(tone.spanMs).toBeGreaterThan(seconds * 1000 - 100);
    expect(tone.longestGapMs).toBe(0);
    await rtp.close();
    await phone.close();
  });

  test(`${toneFeature} plays one steady tone`, async () => {
    const { phone, rtp, call, target } = await dial(toneFeature);
    // A phone sends too: the engine must not wait for it, but must not be confused by it.
    const playing = rtp.play(target, 880);
    await until("the tone", () => rtp.received.length >= packets, seconds * 1000 + 5_000);
    playing.stop();
    await call.bye();
    const heard = rtp.received.slice(0, packets);
    expect(Rtp.longestGapMs(heard)).toBeLessThanOrEqual(longestGapMs);
    const samples = Rtp.samples(heard);
    const steady = [350, 400, 425, 440, 480, 1_000, 1_004].map((hz) =>
      Goertzel.tone(samples, 8_000, hz)
    ).filter((tone) => tone.spanMs > seconds * 1000 - 100 && tone.longestGapMs === 0);
    expect(steady.length).toBeGreaterThan(0);
    expect(Goertzel.tone(samples, 8_000, 880).spanMs).toBe(0);
    await rtp.close();
    await phone.close();
  });
});
