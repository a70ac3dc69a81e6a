/** The peers against each other: when these fail, a failure of a suite says nothing. */
import { expect, test } from "vitest";
import * as Baresip from "../support/Baresip.ts";
import * as Goertzel from "../support/Goertzel.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as Sipp from "../support/Sipp.ts";
import { until } from "../support/Until.ts";
import type * as Wav from "../support/Wav.ts";

Need.suite("SIPp against SIPp", ["sipp"], () => {
  const call = async (
    caller: Pick<Sipp.Options, "scenario" | "values">,
    callee: Pick<Sipp.Options, "scenario" | "values">,
    more: Partial<Sipp.Options> = {},
  ) => {
    const waiting = await Sipp.start({ ...callee, ...more });
    const values = { dial: "dial-trunk", ...caller.values };
    const fields = ["1001;;1002"];
    const remote = waiting.address;
    const made = await Sipp.run({ ...caller, ...more, values, fields, remote });
    return [made, await waiting.done] as const;
  };

  test.for(["udp", "tcp"] as const)("a call over %s, the caller hangs up", async (transport) => {
    const more = { calls: 20, perSecond: 20, transport };
    const [made, taken] = await call({ scenario: "uac-call" }, { scenario: "uas-call" }, more);
    expect([made.successful, made.failed]).toEqual([20, 0]);
    expect(taken.successful).toBe(20);
  });

  test("a call that the callee ends", async () => {
    const [made] = await call(
      { scenario: "uac-call", values: { hangup: "hungup" } },
      { scenario: "uas-call", values: { hungup: "hangup-callee" } },
    );
    expect(made.successful).toBe(1);
  });

  test("a call that is held and resumed", async () => {
    const values = { byeCseq: 5 };
    const [made] = await call({ scenario: "uac-hold", values }, { scenario: "uas-hold" });
    expect(made.successful).toBe(1);
  });

  test("a call that the caller gives up", async () => {
    const [made] = await call({ scenario: "uac-cancel" }, { scenario: "uas-cancelled" });
    expect(made.successful).toBe(1);
  });

  test("a refused call", async () => {
    const [made] = await call(
      { scenario: "uac-refused", values: { code: 486 } },
      { scenario: "uas-refuse", values: { status: "486 Busy Here" } },
    );
    expect(made.successful).toBe(1);
  });

  test("an answer that is not the expected one fails, and says which", async () => {
    const broken = call(
      { scenario: "uac-refused", values: { code: 404 } },
      { scenario: "uas-refuse", values: { status: "486 Busy Here" } },
    );
    await expect(broken).rejects.toThrow(/486 Busy Here/);
  });

  test("when nothing listens SIPp gives up and says so", async () => {
    const remote = { ip: "127.0.0.1", port: await Ports.free() };
    const values = { dial: "dial-trunk" };
    const alone = Sipp.run({
      scenario: "uac-call",
      values,
      fields: ["1001;;1002"],
      remote,
      deadlineMs: 3_000,
    });
    await expect(alone).rejects.toThrow(/uac-call ended with/);
  });
});

Need.suite("baresip against baresip", ["baresip"], () => {
  test("a call whose tones arrive on the other side", async () => {
    const [one, other] = await Promise.all([
      Baresip.start({ extension: "1001", toneHz: 440 }),
      Baresip.start({ extension: "1002", toneHz: 880 }),
    ]);
    await one.dial(`sip:1002@${other.address.ip}:${other.address.port}`);
    await other.event("CALL_INCOMING");
    await other.answer();
    await Promise.all([one.event("CALL_ESTABLISHED"), other.event("CALL_ESTABLISHED")]);
    await until("three seconds of sound", () => spanMs(one.heard()[0], 880) > 3_000, 10_000);
    await one.hangUp();
    await other.event("CALL_CLOSED");
    expect(Goertzel.tone(samples(one), 8_000, 880).longestGapMs).toBeLessThanOrEqual(60);
    expect(Goertzel.tone(samples(other), 8_000, 440).spanMs).toBeGreaterThan(2_500);
    expect(Goertzel.tone(samples(other), 8_000, 880).spanMs).toBe(0);
    await Promise.all([one.stop(), other.stop()]);
  });
});

const samples = (phone: Baresip.Baresip) => phone.heard()[0]?.samples ?? new Float32Array();

const spanMs = (audio: Wav.Audio | undefined, hz: number) =>
  audio === undefined ? 0 : Goertzel.tone(audio.samples, audio.rate, hz).spanMs;
