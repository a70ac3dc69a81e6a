/** Real peers against each other through the engine: SIPp as it comes, baresip, and both mixed. */
import { expect, test } from "vitest";
import * as Baresip from "../support/Baresip.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as Processes from "../support/Processes.ts";
import * as Scene from "../support/Scene.ts";
import * as Sipp from "../support/Sipp.ts";
import { within } from "../support/Until.ts";
import * as Wire from "../support/Wire.ts";

const trunkIp = "127.0.0.67";
const lateMs = 20_000;

Need.suite("real peers", ["sipp", "baresip"], () => {
  const engine = Engine.forSuite(async () => {
    const port = await Ports.free(trunkIp, 2);
    const trunks = [{
      id: "carrier",
      address: `${trunkIp}:${port}`,
      transport: "udp" as const,
      inbound: true,
    }];
    return { directory: Directory.demo({ trunks }) };
  });

  const phone = async (extension: string, transport: "udp" | "tcp" = "udp") => {
    const started = await Baresip.start({
      extension,
      toneHz: 440,
      engine: engine().sip,
      transport,
    });
    await started.registered();
    return started;
  };

  test.for(["udp", "tcp"] as const)(
    "SIPp's own caller calls a baresip over %s",
    async (transport) => {
      const callee = await phone("1002", transport);
      const { ip, port } = engine().sip;
      const own = await Ports.free(trunkIp, 2);
      const sipp = Processes.start("sipp", [
        ...[`${ip}:${port}`, "-sn", "uac", "-s", "1002", "-i", trunkIp, "-p", String(own)],
        ...[
          "-mi",
          trunkIp,
          "-m",
          "1",
          "-d",
          "300",
          "-nostdin",
          "-timeout",
          "20s",
          "-timeout_error",
        ],
        ...["-skip_rlimit"],
      ]);
      await callee.event("CALL_INCOMING");
      await callee.answer();
      await callee.event("CALL_ESTABLISHED");
      expect(await within("end of SIPp", sipp.exited, lateMs, sipp.output)).toBe(0);
      await callee.event("CALL_CLOSED");
      await callee.stop();
    },
  );

  const caller = (scenario: string, dialled: string, values: Sipp.Options["values"] = {}) =>
    Sipp.start({
      scenario,
      values: values!,
      transport: "udp",
      remote: engine().sip,
      deadlineMs: lateMs,
      authUri: `${dialled}@${Directory.domain}`,
      fields: [
        `1001;[authentication username=1001 password=${Directory.secretOf("1001")}];${dialled}`,
      ],
    });

  test.for(["uac-hold", "uac-late-offer"])("SIPp's %s with a baresip", async (scenario) => {
    const callee = await phone("1002");
    const running = await caller(scenario, "1002", { byeCseq: 5 });
    await callee.event("CALL_INCOMING");
    await callee.answer();
    await callee.event("CALL_ESTABLISHED");
    expect((await running.done).successful).toBe(1);
    await callee.event("CALL_CLOSED");
    await callee.stop();
  });

  test("a baresip calls SIPp, and hangs up", async () => {
    const ip = "127.0.0.1";
    const port = await Ports.free(ip, 2);
    await Scene.bind(engine(), "1003", { ip, port });
    const answering = await Sipp.start({ scenario: "uas-call", ip, port, deadlineMs: lateMs });
    const calling = await phone("1001");
    await calling.dial(`sip:1003@${Directory.domain}`);
    await calling.event("CALL_ESTABLISHED");
    await calling.hangUp();
    await calling.event("CALL_CLOSED");
    expect((await answering.done).successful).toBe(1);
    await calling.stop();
  });

  test("a baresip holds and resumes, twice, and the other side sees it", async () => {
    const calling = await phone("1001");
    const callee = await Scene.registered(engine(), "1004");
    await calling.dial(`sip:1004@${Directory.domain}`);
    const incoming = await callee.incoming();
    incoming.ring();
    const there = await incoming.answer();
    await calling.event("CALL_ESTABLISHED");
    let version = 1;
    for (
      const [command, shown, answer] of [
        ["hold", "sendonly", "recvonly"],
        ["resume", "sendrecv", "sendrecv"],
        ["hold", "sendonly", "recvonly"],
        ["resume", "sendrecv", "sendrecv"],
      ] as const
    ) {
      await calling.command(command);
      const passed = await there.asked("INVITE");
      expect(passed.body).toContain(`a=${shown}`);
      version++;
      const sdp = Wire.sdpOf(callee, 42_000, {
        version,
        direction: answer,
        codecs: ["0 PCMU/8000"],
      });
      there.reply(passed, "200 OK", { body: sdp });
      await Wire.request(callee, "ACK");
    }
    await calling.hangUp();
    await there.ended();
    await Promise.all([calling.stop(), callee.close()]);
  });

  test("two baresip: each holds the other, and the call is still one", async () => {
    const [one, other] = [await phone("1001"), await phone("1002")];
    await one.dial(`sip:1002@${Directory.domain}`);
    await other.event("CALL_INCOMING");
    await other.answer();
    await Promise.all([one.event("CALL_ESTABLISHED"), other.event("CALL_ESTABLISHED")]);
    for (const phone of [one, other, one, other]) {
      await phone.command("hold");
      await phone.command("resume");
    }
    expect(await engine().calls()).toHaveLength(1);
    await other.hangUp();
    await Promise.all([one.event("CALL_CLOSED"), other.event("CALL_CLOSED")]);
    await Engine.idle(engine());
    await Promise.all([one.stop(), other.stop()]);
  });
});
