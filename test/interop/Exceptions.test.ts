/** Tenants without the named exceptions: what they are refused, and what they are asked for. */
import { describe, expect, test } from "vitest";
import * as Digest from "../support/Digest.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Hostile from "../support/Hostile.ts";
import * as Need from "../support/Need.ts";
import * as RawSip from "../support/RawSip.ts";
import * as Sip from "../support/SipMessage.ts";

Need.suite("tenants without exceptions", [], () => {
  const engine = Engine.forSuite(() => ({
    directory: {
      tenants: [
        ...Directory.demo({ exceptions: ["plainMedia", "plainSignalling"] }).tenants,
        ...Directory.demo({ id: "strict", domain: "strict.test", exceptions: [] }).tenants,
      ],
    },
  }));

  const register = (domain: string, extra: Sip.Headers = []) => async (socket: RawSip.RawSip) => {
    const headers = { "To": `<sip:1001@${domain}>`, "From": `<sip:1001@${domain}>;tag=1` };
    return await Hostile.ask(socket, {
      method: "REGISTER",
      uri: `sip:${domain}`,
      headers: { ...headers, ...Object.fromEntries(extra) },
    });
  };

  test("without md5Digest the challenges are SHA-512-256 and SHA-256; each is taken", async () => {
    const socket = await RawSip.udp({ remote: engine().sip });
    for (const index of [0, 1]) {
      const challenged = await register(Directory.domain)(socket);
      const values = Sip.all(challenged, "www-authenticate");
      const challenges = values.map((value) => Digest.parse(value, "Authorization"));
      expect(challenges.map(({ algorithm }) => algorithm)).toEqual(["SHA-512-256", "SHA-256"]);
      const chosen = challenges[index];
      if (chosen === undefined) throw new Error("no challenge");
      const who = { username: "1001", secret: Directory.secretOf("1001") };
      const to = { method: "REGISTER", uri: `sip:${Directory.domain}` };
      const proof = Digest.answer(chosen, who, to);
      const answer = await register(Directory.domain, [["Authorization", proof]])(socket);
      expect(answer.status, chosen.algorithm).toBe(200);
    }
    await socket.close();
  });

  describe("without plainSignalling", () => {
    test.for(["udp", "tcp"] as const)("nobody registers over %s", async (transport) => {
      const socket = await RawSip[transport]({ remote: engine().sip });
      const answer = await register("strict.test")(socket);
      expect(answer.status).toBe(403);
      expect(Sip.all(answer, "www-authenticate")).toEqual([]);
      await socket.close();
    });
  });
});
