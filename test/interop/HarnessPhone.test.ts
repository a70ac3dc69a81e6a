/** Scripted phones against each other, without an engine in between. */
import { describe, expect, test } from "vitest";
import * as Digest from "../support/Digest.ts";
import * as Directory from "../support/Directory.ts";
import * as Phone from "../support/Phone.ts";
import * as Ports from "../support/Ports.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";

const { domain } = Directory;

const phones = async () => {
  const ip = "127.0.0.1";
  const ports = [await Ports.free(), await Ports.free()] as const;
  const make = (extension: string, port: number, peer: number) =>
    Phone.make({
      engine: { ip, port: peer },
      domain,
      extension,
      secret: Directory.secretOf(extension),
      ip,
      port,
    });
  const one = await make("1001", ports[0], ports[1]);
  const other = await make("1002", ports[1], ports[0]);
  const close = () => Promise.all([one.close(), other.close()]);
  return { one, other, close };
};

const challenge = 'Digest realm="demo.test", nonce="abc", algorithm=MD5, qop="auth"';

describe("scripted phones", () => {
  test("a call with a new offer, ended by each side", async () => {
    const { one, other, close } = await phones();
    const first = await Scene.connect(one, other);
    expect(Sip.audioTarget(first.caller.sdp).port).toBe(42_000);
    expect(Sip.audioTarget(first.callee.sdp).port).toBe(40_000);
    const held = Sip.audio({ ip: "127.0.0.1", port: 40_000, direction: "sendonly", version: 2 });
    const [answer] = await Promise.all([
      first.caller.reinvite(held),
      first.callee.asked("INVITE").then((invite) => {
        expect(invite.body).toContain("a=sendonly");
        first.callee.reply(invite, "200 OK", { body: held.replace("sendonly", "recvonly") });
      }),
    ]);
    expect(answer.body).toContain("a=recvonly");
    await Scene.hangUp(first.caller, first.callee);
    const second = await Scene.connect(one, other);
    await Scene.hangUp(second.callee, second.caller);
    await close();
  });

  test("a challenge is acknowledged and answered with the right digest", async () => {
    const { one, other, close } = await phones();
    const dialling = one.dial("1002");
    const asked = await other.incoming();
    await asked.refuse("401 Unauthorized", [["WWW-Authenticate", challenge]]);
    const again = await other.incoming();
    const given = Digest.parse(challenge, "Authorization");
    const who = { username: "1001", secret: Directory.secretOf("1001") };
    const to = { method: "INVITE", uri: `sip:1002@${domain}` };
    expect(Sip.header(again.invite, "authorization")).toBe(Digest.answer(given, who, to));
    expect(Sip.header(again.invite, "cseq")).toBe("2 INVITE");
    await Promise.all([again.answer(), dialling.then((one) => one.answered())]);
    await close();
  });

  test("a call that is given up", async () => {
    const { one, other, close } = await phones();
    const [dialling, incoming] = await Promise.all([
      one.dial("1002"),
      other.incoming().then((incoming) => {
        incoming.ring();
        return incoming;
      }),
    ]);
    await dialling.response(180);
    const [answer, refusal] = await Promise.all([
      dialling.cancel(),
      dialling.refused(),
      other.socket.next("CANCEL", ({ method }) => method === "CANCEL").then((cancel) => {
        expect(Sip.header(cancel, "via")).toBe(Sip.header(incoming.invite, "via"));
        other.socket.send(Sip.respond(cancel, "200 OK"));
        return incoming.refuse("487 Request Terminated");
      }),
    ]);
    expect([answer.status, refusal.status]).toEqual([200, 487]);
    await close();
  });

  test("what does not come in time is named, with all messages", async () => {
    const { one, other, close } = await phones();
    const refused = one.request("OPTIONS", `sip:1002@${domain}`);
    await expect(refused).rejects.toThrow(/answer to OPTIONS[\s\S]*-> 127/);
    expect(other.socket.received[0]?.method).toBe("OPTIONS");
    await close();
  });
});
