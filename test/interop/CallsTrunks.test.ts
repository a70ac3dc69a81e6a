/** Calls of trunks: known by address or by digest, whatever name they give. */
import { expect, test } from "vitest";
import { authorize, inDialog } from "../support/Dialog.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import * as Ports from "../support/Ports.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import * as Wire from "../support/Wire.ts";

const [fixedIp, movingIp] = ["127.0.0.63", "127.0.0.64"] as const;

Need.suite("trunks", [], () => {
  let port = 0;
  const engine = Engine.forSuite(async () => {
    port = await Ports.free(fixedIp);
    const trunks = [
      { id: "fixed", address: `${fixedIp}:${port}`, transport: "udp" as const, inbound: true },
      {
        id: "moving",
        address: `${movingIp}:5060`,
        transport: "udp" as const,
        inbound: true,
        username: "carrier-login",
        secret: "carrier-secret",
      },
    ];
    return {
      directory: Directory.demo({ trunks, routes: [{ match: "0*", trunk: "fixed" }] }),
    };
  });

  const sdp = Wire.sdpOf;

  test.for(["+4930111", "+4930222", "1001"])(
    "by digest, whatever number it shows: %s",
    async (number) => {
      const carrier = await Scene.phone(engine(), number, { ip: "127.0.0.65" });
      const callee = await Scene.registered(engine(), "1002");
      const uri = "sip:1002@demo.test";
      const from = `<sip:${number}@demo.test>;tag=${Sip.token()}`;
      const callId = Sip.token(20);
      const { socket } = carrier;
      let cseq = 0;
      const invite = (extra: Sip.Headers) => {
        cseq++;
        const branch = Sip.branch();
        socket.send(Sip.format(`INVITE ${uri} SIP/2.0`, [
          ["Via", `SIP/2.0/UDP ${socket.local.ip}:${socket.local.port};branch=${branch};rport`],
          ["Max-Forwards", "70"],
          ["From", from],
          ["To", `<${uri}>`],
          ["Call-ID", callId],
          ["CSeq", `${cseq} INVITE`],
          ["Contact", carrier.contact],
          ["Content-Type", "application/sdp"],
          ...extra,
        ], sdp(carrier, 40_000)));
        return socket.next("an answer", ({ status }) => (status ?? 0) > 100);
      };
      const who = { username: "carrier-login", secret: "carrier-secret" };
      let answer = await invite([]);
      const ring = Wire.request(callee, "INVITE", 8_000);
      // As any phone does: again where the nonce was new, or stale; not where the proof was wrong.
      for (let tries = 0; answer.status === 401 && tries < 3; tries++) {
        const challenge = Sip.header(answer, "www-authenticate");
        expect(tries === 0 || /stale=true/i.test(challenge), "a second challenge").toBe(true);
        const next = invite([authorize(answer, who, { method: "INVITE", uri })]);
        answer = await Promise.race([next, ring]);
      }
      const rang = await ring;
      expect(Sip.header(rang, "from")).toContain(`sip:${number}@`);
      Wire.respond(callee, rang, "486 Busy Here");
      await Wire.close(carrier, callee);
    },
  );

  test("a user that signs in as itself speaks for no other, and no trunk", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const callee = await Scene.registered(engine(), "1002");
    const uri = "sip:1002@demo.test";
    const { socket } = caller;
    const callId = Sip.token(20);
    let cseq = 0;
    const invite = (extra: Sip.Headers) => {
      cseq++;
      const { ip, port } = socket.local;
      socket.send(Sip.format(`INVITE ${uri} SIP/2.0`, [
        ["Via", `SIP/2.0/UDP ${ip}:${port};branch=${Sip.branch()};rport`],
        ["Max-Forwards", "70"],
        ["From", "<sip:1003@demo.test>;tag=1"],
        ["To", `<${uri}>`],
        ["Call-ID", callId],
        ["CSeq", `${cseq} INVITE`],
        ["Contact", caller.contact],
        ["Content-Type", "application/sdp"],
        ...extra,
      ], sdp(caller, 40_000)));
      return socket.next(
        "an answer",
        (m) => (m.status ?? 0) > 100 && Sip.header(m, "cseq") === `${cseq} INVITE`,
      );
    };
    const who = { username: "1001", secret: Directory.secretOf("1001") };
    let answer = await invite([]);
    for (let tries = 0; answer.status === 401 && tries < 3; tries++) {
      answer = await invite([authorize(answer, who, { method: "INVITE", uri })]);
    }
    expect(answer.status).toBe(403);
    expect(Wire.requests(callee, "INVITE")).toEqual([]);
    await Wire.close(caller, callee);
  });

  test("a call to a trunk: early media, answer, hold, and BYE of the trunk", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const carrier = await Scene.phone(engine(), "carrier", { ip: fixedIp, port });
    const dialling = await caller.dial("0112");
    const invite = await Wire.request(carrier, "INVITE");
    expect(Sip.header(invite, "from")).toContain("<sip:1001@demo.test>");
    Wire.respond(carrier, invite, "183 Session Progress", { sdp: sdp(carrier, 42_000) });
    expect((await dialling.response(183)).body).toContain("m=audio");
    Wire.respond(carrier, invite, "200 OK", { sdp: sdp(carrier, 42_000) });
    const here = await dialling.answered();
    await Wire.request(carrier, "ACK");
    const held = here.reinvite(sdp(caller, 40_000, { version: 2, direction: "sendonly" }));
    const passed = await Wire.request(carrier, "INVITE");
    const answer = sdp(carrier, 42_000, { version: 2, direction: "recvonly" });
    Wire.respond(carrier, passed, "200 OK", { sdp: answer });
    expect((await held).body).toContain("a=recvonly");
    await Wire.request(carrier, "ACK");
    carrier.socket.send(inDialog(
      carrier,
      {
        callId: Sip.header(invite, "call-id"),
        local: `${Sip.header(invite, "to")};tag=phone`,
        remote: Sip.header(invite, "from"),
        target: Sip.uriOf(Sip.header(invite, "contact")),
        routes: [],
        cseq: 1,
      },
      "BYE",
      { cseq: 1 },
    ));
    await here.ended();
    await Wire.close(caller, carrier);
  });

  test("an answer of a trunk without a Contact is acknowledged where the INVITE went", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const carrier = await Scene.phone(engine(), "carrier", { ip: fixedIp, port });
    const dialling = await caller.dial("0113");
    const invite = await Wire.request(carrier, "INVITE");
    carrier.socket.send(Sip.respond(invite, "200 OK", {
      toTag: "x",
      headers: [["Content-Type", "application/sdp"]],
      body: sdp(carrier, 42_000),
    }));
    const here = await dialling.answered();
    expect((await Wire.request(carrier, "ACK")).start.split(" ")[1])
      .toBe(invite.start.split(" ")[1]);
    const [, bye] = await Promise.all([here.bye(), Wire.request(carrier, "BYE")]);
    Wire.respond(carrier, bye, "200 OK");
    await Wire.close(caller, carrier);
  });

  test("a reliable provisional that nobody asked for counts as a plain one", async () => {
    const caller = await Scene.registered(engine(), "1001");
    const carrier = await Scene.phone(engine(), "carrier", { ip: fixedIp, port });
    const dialling = await caller.dial("0114");
    const invite = await Wire.request(carrier, "INVITE");
    Wire.respond(carrier, invite, "183 Session Progress", {
      sdp: sdp(carrier, 42_000),
      headers: [["Require", "100rel"], ["RSeq", "1"]],
    });
    const early = await dialling.response(183);
    expect(Sip.header(early, "require")).toBe("");
    expect(Sip.header(early, "rseq")).toBe("");
    Wire.respond(carrier, invite, "486 Busy Here");
    expect((await dialling.refused()).status).toBe(486);
    await Wire.close(caller, carrier);
  });
});
