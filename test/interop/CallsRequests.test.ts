/** Requests that we do not serve, or serve only in their place, and what they must not break. */
import { describe, expect, test } from "vitest";
import { authorize, credentials } from "../support/Dialog.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import type * as Phone from "../support/Phone.ts";
import * as Ports from "../support/Ports.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import { later } from "../support/Until.ts";
import * as Wire from "../support/Wire.ts";

const trunkIp = "127.0.0.61";

/** A request in every detail; `headers` replace those of the same name, an empty value removes. */
const raw = (
  phone: Phone.Phone,
  start: string,
  headers: Readonly<Record<string, string>> = {},
  body = "",
) => {
  const { ip, port } = phone.socket.local;
  const method = start.split(" ")[0]!;
  const uri = start.split(" ")[1]!;
  const usual: Record<string, string> = {
    "Via": `SIP/2.0/UDP ${ip}:${port};branch=${Sip.branch()};rport`,
    "Max-Forwards": "70",
    "From": `<${phone.aor}>;tag=${Sip.token()}`,
    "To": `<${uri}>`,
    "Call-ID": Sip.token(20),
    "CSeq": `1 ${method}`,
    "Contact": phone.contact,
    ...(body === "" ? {} : { "Content-Type": "application/sdp" }),
    ...headers,
  };
  const list = Object.entries(usual).filter(([, value]) => value !== "");
  return Sip.format(`${start} SIP/2.0`, list, body);
};

const ask = async (
  phone: Phone.Phone,
  start: string,
  headers: Readonly<Record<string, string>> = {},
  body = "",
): Promise<Sip.Message> => {
  const text = raw(phone, start, headers, body);
  const sent = Sip.parse(text, phone.socket.local, 0);
  phone.socket.send(text);
  const answer = await phone.socket.next(
    `answer to ${start}`,
    (message) =>
      !message.isRequest && (message.status ?? 0) >= 200 &&
      Sip.header(message, "call-id") === Sip.header(sent, "call-id"),
  );
  return answer;
};

const allowed = (answer: Sip.Message) => Sip.header(answer, "allow").split(/, */).toSorted();
const ours = ["ACK", "BYE", "CANCEL", "INVITE", "OPTIONS"];

Need.suite("requests", [], () => {
  let trunkPort = 0;
  const engine = Engine.forSuite(async () => {
    trunkPort = await Ports.free(trunkIp);
    return {
      directory: Directory.demo({
        users: [
          ...Directory.users(1001, 4),
          { extension: "+12015550123", name: "E", secret: Directory.secretOf("+12015550123") },
        ],
        trunks: [{
          id: "carrier",
          address: `${trunkIp}:${trunkPort}`,
          transport: "udp",
          inbound: true,
        }],
        routes: [{ match: "0*", trunk: "carrier" }],
      }),
    };
  });

  /** A trunk that calls us is known by its address, whatever its port. */
  const trunk = () => Scene.phone(engine(), "+4930123", { ip: trunkIp });
  const carrier = () => Scene.phone(engine(), "carrier", { ip: trunkIp, port: trunkPort });

  describe("in a dialog", () => {
    test.for(
      [
        ["INFO", 405],
        ["MESSAGE", 405],
        ["REFER", 405],
        ["SUBSCRIBE", 405],
        ["NOTIFY", 405],
        ["UPDATE", 405],
        ["PRACK", 405],
        ["PUBLISH", 405],
        ["FROBNICATE", 501],
      ] as const,
    )("%s gets %i with what is allowed", async ([method, status]) => {
      const caller = await Scene.registered(engine(), "1001");
      const callee = await Scene.registered(engine(), "1002");
      const { caller: here, callee: there } = await Scene.connect(caller, callee);
      for (const side of [here, there]) {
        const answer = await side.request(method);
        expect(answer.status).toBe(status);
        expect(allowed(answer).filter((one) => one !== "REGISTER")).toEqual(ours);
      }
      expect((await here.request("OPTIONS")).status).toBe(200);
      await Scene.hangUp(here, there);
      await Wire.close(caller, callee);
    });

    test("with Require of what we do not know: 420 that names it, the call goes on", async () => {
      const caller = await Scene.registered(engine(), "1001");
      const callee = await Scene.registered(engine(), "1002");
      const { caller: here, callee: there } = await Scene.connect(caller, callee);
      for (const method of ["OPTIONS", "INVITE", "BYE"]) {
        const answer = await here.request(method, { headers: [["Require", "timer, x-foo"]] });
        expect([method, answer.status]).toEqual([method, 420]);
        expect(Sip.header(answer, "unsupported")).toBe("timer, x-foo");
      }
      await Scene.hangUp(here, there);
      await Wire.close(caller, callee);
    });

    test("with a tag that is not ours: 481", async () => {
      const caller = await Scene.registered(engine(), "1001");
      for (const method of ["INVITE", "BYE", "OPTIONS", "INFO", "UPDATE"]) {
        const to = "<sip:1002@demo.test>;tag=aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa";
        const answer = await ask(caller, `${method} sip:1002@demo.test`, { To: to });
        expect([method, answer.status]).toEqual([method, 481]);
      }
      await Wire.close(caller);
    });
  });

  describe("out of a dialog", () => {
    test.for(
      [
        ["BYE", 481],
        ["PRACK", 481],
        ["UPDATE", 481],
        ["MESSAGE", 405],
        ["INFO", 405],
        ["REFER", 405],
        ["SUBSCRIBE", 489],
        ["PUBLISH", 489],
        ["OPTIONS", 200],
      ] as const,
    )("%s of a user gets %i", async ([method, status]) => {
      const caller = await Scene.registered(engine(), "1001");
      const answer = await caller.request(method, "sip:1002@demo.test");
      expect(answer.status).toBe(status);
      if (status === 405) {
        expect(allowed(answer).filter((one) => one !== "REGISTER")).toEqual(ours);
      }
      await Wire.close(caller);
    });

    test("OPTIONS to a number that nobody has gets 404", async () => {
      const caller = await Scene.registered(engine(), "1001");
      expect((await caller.request("OPTIONS", "sip:5550000@demo.test")).status).toBe(404);
      await Wire.close(caller);
    });

    test("an unknown method gets 501, and no method is promised that is then refused", async () => {
      const caller = await Scene.registered(engine(), "1001");
      const answer = await ask(caller, "FROBNICATE sip:1002@demo.test");
      expect(answer.status).toBe(501);
      for (const method of allowed(answer)) expect([...ours, "REGISTER"]).toContain(method);
      await Wire.close(caller);
    });

    test("INVITE with Require: 100rel gets 420, with Supported: 100rel it rings", async () => {
      const caller = await Scene.registered(engine(), "1001");
      const callee = await Scene.registered(engine(), "1002");
      const offer = Wire.sdpOf(caller, 40_000);
      const refused = await ask(caller, "INVITE sip:1002@demo.test", {
        Require: "100rel",
      }, offer);
      expect(refused.status).toBe(420);
      expect(Sip.header(refused, "unsupported")).toBe("100rel");
      const dialling = await caller.dial("1002", {
        headers: [["Supported", "100rel, timer, replaces"], ["Session-Expires", "90"]],
      });
      const invite = await Wire.request(callee, "INVITE");
      expect(Sip.header(invite, "supported")).not.toContain("100rel");
      expect(Sip.header(invite, "session-expires")).toBe("");
      // A callee that answers reliably all the same gets no PRACK, and the call goes on.
      await dialling.cancel();
      await dialling.refused();
      await Wire.close(caller, callee);
    });
  });

  describe("Max-Forwards", () => {
    const ring = async (value: string) => {
      const caller = await trunk();
      const callee = await Scene.registered(engine(), "1002");
      const text = raw(
        caller,
        "INVITE sip:1002@demo.test",
        { "Max-Forwards": value },
        Wire.sdpOf(caller, 40_000),
      );
      caller.socket.send(text);
      const final = later(caller.socket.next("a refusal", ({ status }) => (status ?? 0) >= 300));
      const first = await Promise.race([Wire.request(callee, "INVITE"), final]);
      if (first.isRequest) {
        Wire.respond(callee, first, "486 Busy Here");
        await final;
      }
      await Wire.close(caller, callee);
      return first.isRequest ? Sip.header(first, "max-forwards") : first.status;
    };

    test.for(
      [
        ["0", 483],
        ["1", "0"],
        ["70", "69"],
        ["255", "254"],
        ["", "69"],
        ["70000", 400],
        ["-1", 400],
        ["x", 400],
      ] as const,
    )("%j becomes %s", async ([value, expected]) => {
      expect(await ring(value)).toBe(expected);
    });
  });

  describe("INVITE", () => {
    /** Rings from the trunk, which needs no digest: the callee's INVITE, or the refusal. */
    const ring = async (uri: string, headers: Readonly<Record<string, string>> = {}) => {
      const caller = await trunk();
      const callee = await Scene.registered(engine(), "1002");
      const other = await Scene.registered(engine(), "+12015550123");
      const text = raw(caller, `INVITE ${uri}`, headers, Wire.sdpOf(caller, 40_000));
      caller.socket.send(text);
      const final = later(caller.socket.next("a refusal", ({ status }) => (status ?? 0) >= 300));
      const first = await Promise.race([
        Wire.request(callee, "INVITE"),
        Wire.request(other, "INVITE"),
        final,
      ]);
      if (first.isRequest) {
        const phone = Wire.requests(callee, "INVITE").length > 0 ? callee : other;
        Wire.respond(phone, first, "486 Busy Here");
        const answer = await final;
        await Wire.close(caller, callee, other);
        return { rang: phone.options.extension, invite: first, answer };
      }
      await Wire.close(caller, callee, other);
      return { rang: undefined, invite: undefined, answer: first };
    };

    test.for(
      [
        ["an escaped user part", "sip:%31002@demo.test", "1002"],
        ["parameters", "sip:1002@demo.test;user=phone;x=%41", "1002"],
        ["a port", "sip:1002@demo.test:5060", "1002"],
        ["another case of the host", "sip:1002@DEMO.Test", "1002"],
        ["another case of the scheme", "SIP:1002@demo.test", "1002"],
        ["a password", "sip:1002:secret@demo.test", "1002"],
        ["a tel URI", "tel:+12015550123", "+12015550123"],
        ["a tel URI with separators", "tel:+1-201-555-0123", "+12015550123"],
        ["a number with separators", "sip:+1-201-555-0123@demo.test;user=phone", "+12015550123"],
        ["a phone-context", "sip:1002;phone-context=demo.test@demo.test;user=phone", "1002"],
        ["a tel URI with a phone-context", "tel:1002;phone-context=demo.test", "1002"],
      ] as const,
    )("%s leads to the right phone", async ([, uri, extension]) => {
      expect((await ring(uri)).rang).toBe(extension);
    });

    test("to a domain that is nobody's, by a user: 404, and no local phone rings", async () => {
      const caller = await Scene.registered(engine(), "1001");
      const callee = await Scene.registered(engine(), "1002");
      const uri = "sip:1002@elsewhere.example";
      const answer = await invite(caller, uri);
      expect(answer.status).toBe(404);
      expect(Wire.requests(callee, "INVITE")).toEqual([]);
      await Wire.close(caller, callee);
    });

    test("from a domain that is nobody's: 404 or 401, before any phone rings", async () => {
      const caller = await Scene.phone(engine(), "1001", { ip: "127.0.0.77" });
      const callee = await Scene.registered(engine(), "1002");
      const from = "<sip:1001@elsewhere.example>;tag=1";
      const answer = await ask(caller, "INVITE sip:1002@elsewhere.example", { From: from });
      expect(answer.status).toBe(404);
      expect(Wire.requests(callee, "INVITE")).toEqual([]);
      await Wire.close(caller, callee);
    });

    test("of a trunk that names a local user rings with the trunk's name", async () => {
      const { invite, rang } = await ring("sip:1002@demo.test", {
        From: '"The Boss" <sip:1001@demo.test>;tag=1',
      });
      expect(rang).toBe("1002");
      expect(Sip.header(invite!, "from")).toContain('"The Boss"');
      await Engine.idle(engine());
      const callers = (await engine().cdrs()).map(({ caller }) => caller);
      expect(callers).toContain("1001 (carrier)");
    });

    test("UTF-8 in a display name arrives as it was", async () => {
      const name = String.fromCharCode(...new TextEncoder().encode("Jörg Müller 🎺"));
      const { invite } = await ring("sip:1002@demo.test", {
        From: `"${name}" <sip:+4930123@carrier.test>;tag=1`,
      });
      expect(Sip.header(invite!, "from")).toContain(`"${name}"`);
    });

    test("in compact form, folded, with odd case and several Vias in one line", async () => {
      const caller = await trunk();
      const callee = await Scene.registered(engine(), "1002");
      const { ip, port } = caller.socket.local;
      const sdp = Wire.sdpOf(caller, 40_000);
      const branch = Sip.branch();
      caller.socket.send([
        "INVITE sip:1002@demo.test SIP/2.0",
        `v: SIP / 2.0 / UDP ${ip}:${port};branch=${branch} ,` +
        " SIP/2.0/TCP far.example;branch=z9hG4bKx",
        "V: SIP/2.0/UDP farther.example:5070;branch=z9hG4bKy;received=10.0.0.1",
        "mAX-fORWARDS:  70",
        "f: sip:+4930123@carrier.test;tag=7",
        "t : <sip:1002@demo.test>",
        "i: compact@call",
        "CSEQ:",
        "  9",
        " INVITE",
        `m: <sip:+4930123@${ip}:${port}>`,
        "c: application/sdp",
        `l: ${sdp.length}`,
        "",
        sdp,
      ].join("\r\n"));
      const invite = await Wire.request(callee, "INVITE");
      Wire.respond(callee, invite, "486 Busy Here");
      const busy = await caller.socket.next("486", ({ status }) => status === 486);
      const vias = Sip.all(busy, "via").join(", ");
      expect(vias).toContain(`branch=${branch}`);
      expect(vias).toContain(`received=${ip}`);
      expect(vias).toMatch(
        /far\.example.*farther\.example:5070;branch=z9hG4bKy;received=10\.0\.0\.1/,
      );
      expect(Sip.header(busy, "cseq")).toBe("9 INVITE");
      await Wire.close(caller, callee);
    });

    test("answers go where the request came from, and say so", async () => {
      const caller = await trunk();
      const { ip, port } = caller.socket.local;
      for (const sentBy of [`${ip}:${port}`, "10.9.8.7:5060", "some.host.example"]) {
        const answer = await ask(caller, "OPTIONS sip:demo.test", {
          Via: `SIP/2.0/UDP ${sentBy};rport;branch=${Sip.branch()};x=y`,
        });
        const via = Sip.header(answer, "via");
        expect(via).toContain(`SIP/2.0/UDP ${sentBy};`);
        expect(via).toContain(`rport=${port}`);
        expect(via).toContain(`received=${ip}`);
        expect(via).toContain(";x=y");
      }
      await Wire.close(caller);
    });

    test("that comes again over another way gets 482, and rings once", async () => {
      const caller = await trunk();
      const callee = await Scene.registered(engine(), "1002");
      const text = raw(caller, "INVITE sip:1002@demo.test", {}, Wire.sdpOf(caller, 40_000));
      caller.socket.send(text);
      const invite = await Wire.request(callee, "INVITE");
      caller.socket.send(text.replace(/branch=\w+/, `branch=${Sip.branch()}`));
      const merged = await caller.socket.next("482", ({ status }) => (status ?? 0) >= 300);
      expect(merged.status).toBe(482);
      Wire.respond(callee, invite, "486 Busy Here");
      await caller.socket.next("486", ({ status }) => status === 486);
      expect(Wire.requests(callee, "INVITE")).toHaveLength(1);
      await Wire.close(caller, callee);
    });

    test("of a user that comes again over another way gets 482 too", async () => {
      const caller = await Scene.registered(engine(), "1001");
      const callee = await Scene.registered(engine(), "1002");
      const dialling = await caller.dial("1002");
      const invite = await Wire.request(callee, "INVITE");
      caller.socket.send(dialling.invite.text.replace(/branch=\w+/, `branch=${Sip.branch()}`));
      const merged = await caller.socket.next("482", ({ status }) =>
        (status ?? 0) >= 300 &&
        status !== 401);
      expect(merged.status).toBe(482);
      Wire.respond(callee, invite, "486 Busy Here");
      await dialling.refused();
      await Wire.close(caller, callee);
    });

    test("to one's own number rings one's own phones", async () => {
      const caller = await Scene.registered(engine(), "1001");
      const dialling = await caller.dial("1001");
      const invite = await Wire.request(caller, "INVITE");
      Wire.respond(caller, invite, "486 Busy Here");
      expect((await dialling.refused()).status).toBe(486);
      await Wire.close(caller);
    });

    test("to an emergency number of a route reaches the trunk as it was dialled", async () => {
      const caller = await Scene.registered(engine(), "1001");
      const called = await carrier();
      for (const dialled of ["0112", "0911", "00491234"]) {
        const dialling = await caller.dial(dialled);
        const invite = await Wire.request(called, "INVITE");
        expect(invite.start).toBe(`INVITE sip:${dialled}@${trunkIp}:${trunkPort} SIP/2.0`);
        Wire.respond(called, invite, "486 Busy Here");
        expect((await dialling.refused()).status).toBe(486);
      }
      await Wire.close(caller, called);
    });

    test("to the engine's own phones, by its address instead of its domain", async () => {
      const { ip, port } = engine().sip;
      for (const host of [`${ip}:${port}`, ip]) {
        expect((await ring(`sip:1002@${host}`)).rang).toBe("1002");
      }
    });

    test("without Max-Forwards, tag, Contact, branch of a peer of RFC 2543 rings", async () => {
      const caller = await trunk();
      const callee = await Scene.registered(engine(), "1002");
      const { ip, port } = caller.socket.local;
      caller.socket.send(raw(caller, "INVITE sip:1002@demo.test", {
        "Via": `SIP/2.0/UDP ${ip}:${port}`,
        "Max-Forwards": "",
      }, Wire.sdpOf(caller, 40_000)));
      const invite = await Wire.request(callee, "INVITE");
      Wire.respond(callee, invite, "486 Busy Here");
      await caller.socket.next("486", ({ status }) => status === 486);
      await Wire.close(caller, callee);
    });
  });

  /** An INVITE with its digest, to any URI; gives the final answer. */
  const invite = async (caller: Phone.Phone, uri: string): Promise<Sip.Message> => {
    const offer = Wire.sdpOf(caller, 40_000);
    const from = `<${caller.aor}>;tag=${Sip.token()}`;
    const callId = Sip.token(20);
    const challenged = await ask(
      caller,
      `INVITE ${uri}`,
      { "From": from, "Call-ID": callId },
      offer,
    );
    if (challenged.status !== 401) return challenged;
    const [name, value] = authorize(challenged, credentials(caller), { method: "INVITE", uri });
    const again = { "From": from, "Call-ID": callId, "CSeq": "2 INVITE", [name]: value };
    const answered = caller.socket.next(
      "the final answer",
      (message) => Sip.header(message, "cseq") === "2 INVITE" && (message.status ?? 0) >= 200,
    );
    caller.socket.send(raw(caller, `INVITE ${uri}`, again, offer));
    return await later(answered);
  };
});
