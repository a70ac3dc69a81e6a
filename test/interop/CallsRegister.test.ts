/** The registrar (RFC 3261 section 10.3) by single messages. */
import { describe, expect, test } from "vitest";
import * as Digest from "../support/Digest.ts";
import { authorize, credentials } from "../support/Dialog.ts";
import * as Directory from "../support/Directory.ts";
import * as Engine from "../support/Engine.ts";
import * as Need from "../support/Need.ts";
import type * as Phone from "../support/Phone.ts";
import * as Scene from "../support/Scene.ts";
import * as Sip from "../support/SipMessage.ts";
import * as Wire from "../support/Wire.ts";

/** Contacts of an answer, without their parameters after `expires`, in any order. */
const contacts = (answer: Sip.Message) => Sip.list(Sip.all(answer, "contact")).toSorted();

const expiresOf = (contact: string) => Number(/;expires=(\d+)/.exec(contact)?.[1]);

Need.suite("registrar", [], () => {
  const strong = Directory.demo().tenants[0]!;
  const engine = Engine.forSuite(() => ({
    directory: {
      tenants: [
        { ...strong, limits: { maxBindings: 4 } },
        {
          ...strong,
          id: "strong",
          domain: "strong.test",
          exceptions: ["plainMedia", "plainSignalling"],
          users: Directory.users(2001, 2),
        },
      ],
    },
  }));

  const register = (phone: Phone.Phone, ...headers: Sip.Headers) =>
    phone.request("REGISTER", "sip:demo.test", { headers });

  const fresh = async (extension: string) => {
    const phone = await Scene.phone(engine(), extension);
    const answer = await register(phone, ["Contact", "*"], ["Expires", "0"]);
    expect(answer.status).toBe(200);
    expect(contacts(answer)).toEqual([]);
    return phone;
  };

  const at = (port: number, params = "") => `<sip:1001@127.0.0.1:${port}>${params}`;

  test("several contacts at once, each with its time and q; a fetch shows them", async () => {
    const phone = await fresh("1001");
    const made = await register(
      phone,
      ["Contact", `${at(5001)};q=0.7;expires=120, "B" ${at(5002)};expires=600`],
      ["Contact", at(5003)],
      ["Expires", "300"],
    );
    expect(made.status).toBe(200);
    const fetched = await register(phone);
    for (const answer of [made, fetched]) {
      const list = contacts(answer);
      expect(list.map((one) => Sip.uriOf(one))).toEqual([
        "sip:1001@127.0.0.1:5001",
        "sip:1001@127.0.0.1:5002",
        "sip:1001@127.0.0.1:5003",
      ]);
      expect(list[0]).toContain(";q=0.7");
      [120, 600, 300].forEach((seconds, n) => {
        expect(expiresOf(list[n]!)).toBeLessThanOrEqual(seconds);
        expect(expiresOf(list[n]!)).toBeGreaterThan(seconds - 5);
      });
    }
    const removed = await register(phone, ["Contact", `${at(5002)};expires=0`], ["Expires", "300"]);
    expect(contacts(removed).map((one) => Sip.uriOf(one))).toEqual([
      "sip:1001@127.0.0.1:5001",
      "sip:1001@127.0.0.1:5003",
    ]);
    const none = await register(phone, ["Contact", "*"], ["Expires", "0"]);
    expect(contacts(none)).toEqual([]);
    await phone.close();
  });

  test.for(
    [
      ["* without Expires", [["Contact", "*"]], 400],
      ["* with Expires above 0", [["Contact", "*"], ["Expires", "60"]], 400],
      ["* and another contact", [["Contact", "*"], ["Contact", at(5001)], ["Expires", "0"]], 400],
      ["a time that is too short", [["Contact", at(5001)], ["Expires", "5"]], 423],
      ["a malformed contact", [["Contact", "<sip:1001@>"]], 400],
    ] as const,
  )("%s is refused", async ([, headers, status]) => {
    const phone = await fresh("1001");
    const answer = await register(phone, ...headers);
    expect(answer.status).toBe(status);
    if (status === 423) expect(Sip.header(answer, "min-expires")).toBe("60");
    expect(contacts(await register(phone))).toEqual([]);
    await phone.close();
  });

  test("more contacts than a user may have are refused, and none of them is bound", async () => {
    const phone = await fresh("1001");
    const many = [1, 2, 3, 4, 5].map((n) => at(5000 + n)).join(", ");
    expect((await register(phone, ["Contact", many])).status).toBe(403);
    expect(contacts(await register(phone))).toEqual([]);
    await phone.close();
  });

  test("the same contact in another spelling is the same binding", async () => {
    const phone = await fresh("1001");
    await register(phone, ["Contact", "<sip:1001@Example.test:5060;transport=udp;x=1>"]);
    const again = await register(
      phone,
      ["Contact", "<sip:%31001@example.TEST:5060;X=1;Transport=UDP>"],
    );
    expect(contacts(again)).toHaveLength(1);
    const other = await register(phone, ["Contact", "<sip:1001@example.test:5070;transport=udp>"]);
    expect(contacts(other)).toHaveLength(2);
    await register(phone, ["Contact", "*"], ["Expires", "0"]);
    await phone.close();
  });

  test("two phones with one private address and their own instances are two bindings", async () => {
    const phone = await fresh("1001");
    const instance = (n: number) =>
      `<sip:1001@192.168.1.10:5060>;+sip.instance="<urn:uuid:0000000${n}>"`;
    await register(phone, ["Contact", instance(1)]);
    expect(contacts(await register(phone, ["Contact", instance(2)]))).toHaveLength(2);
    const left = await register(phone, ["Contact", `${instance(1)};expires=0`]);
    expect(contacts(left)).toHaveLength(1);
    await register(phone, ["Contact", "*"], ["Expires", "0"]);
    await phone.close();
  });

  /** REGISTERs of one Call-ID with CSeq numbers of the test's choice. */
  const numbered = (phone: Phone.Phone) => {
    const callId = Sip.token(20);
    const from = `<${phone.aor}>;tag=${Sip.token()}`;
    const { socket } = phone;
    const ask = async (cseq: number, headers: Sip.Headers, extra: Sip.Headers) => {
      const branch = Sip.branch();
      socket.send(Sip.format("REGISTER sip:demo.test SIP/2.0", [
        ["Via", `SIP/2.0/UDP ${socket.local.ip}:${socket.local.port};branch=${branch};rport`],
        ["Max-Forwards", "70"],
        ["From", from],
        ["To", `<${phone.aor}>`],
        ["Call-ID", callId],
        ["CSeq", `${cseq} REGISTER`],
        ...headers,
        ...extra,
      ]));
      return await socket.next("answer", (m) => m.text.includes(branch));
    };
    return async (cseq: number, ...headers: Sip.Headers) => {
      const first = await ask(cseq, headers, []);
      if (first.status !== 401) return first;
      const to = { method: "REGISTER", uri: "sip:demo.test" };
      const second = await ask(cseq, headers, [authorize(first, credentials(phone), to)]);
      // The nonce was that of the user whom To names: a phone may try again at once, and only then.
      if (!/stale=true/i.test(Sip.header(second, "www-authenticate"))) return second;
      return await ask(cseq, headers, [authorize(second, credentials(phone), to)]);
    };
  };

  test("an older request of a registration changes nothing", async () => {
    const phone = await fresh("1001");
    const ask = numbered(phone);
    expect((await ask(10, ["Contact", at(5001)])).status).toBe(200);
    const late = await ask(9, ["Contact", at(5001)], ["Expires", "0"]);
    expect(late.status).toBeGreaterThanOrEqual(400);
    expect(contacts(await register(phone))).toHaveLength(1);
    expect((await ask(11, ["Contact", at(5001)], ["Expires", "0"])).status).toBe(200);
    expect(contacts(await register(phone))).toEqual([]);
    await phone.close();
  });

  describe("identity", () => {
    test("own credentials for another user's address are refused with 403", async () => {
      const phone = await Scene.phone(engine(), "1001");
      const victim = { ...phone, aor: "sip:1002@demo.test" };
      const ask = numbered(victim);
      expect((await ask(1, ["Contact", at(5001)])).status).toBe(403);
      const other = await fresh("1002");
      expect(contacts(await register(other))).toEqual([]);
      await Wire.close(phone, other);
    });

    test("an address in a domain that is not the realm's is refused", async () => {
      const phone = await Scene.phone(engine(), "1001");
      const elsewhere = numbered({ ...phone, aor: "sip:1001@elsewhere.example" });
      const answer = await elsewhere(1, ["Contact", at(5001)]);
      expect([403, 404]).toContain(answer.status);
      await phone.close();
    });

    test("with md5Digest there is exactly one challenge, of MD5", async () => {
      const phone = await Scene.phone(engine(), "1001");
      const answer = await challengeOf(phone, "demo.test");
      const all = Sip.all(answer, "www-authenticate");
      expect(all).toHaveLength(1);
      expect(all[0]).toMatch(/algorithm=MD5\b/);
      expect(all[0]).toMatch(/qop="auth"/);
      await phone.close();
    });

    test("else SHA-512-256, then SHA-256, and never MD5; either is taken", async () => {
      const phone = await Scene.phone(engine(), "2001", { secret: Directory.secretOf("2001") });
      const answer = await challengeOf(phone, "strong.test");
      const all = Sip.all(answer, "www-authenticate");
      expect(all.map((one) => Digest.parse(one, "Authorization").algorithm)).toEqual([
        "SHA-512-256",
        "SHA-256",
      ]);
      for (const [value, status] of [[all[0]!, 200], [all[1]!, 200]] as const) {
        const given = await answerTo(phone, value);
        expect(given.status).toBe(status);
      }
      const weak = await answerTo(phone, all[0]!.replace("SHA-512-256", "MD5"));
      expect(weak.status).toBe(401);
      await phone.close();
    });

    const challengeOf = async (phone: Phone.Phone, domain: string) => {
      const { socket } = phone;
      const branch = Sip.branch();
      socket.send(strongRegister(phone, domain, branch, 1, []));
      return await socket.next("a challenge", (m) => m.text.includes(branch));
    };

    const strongRegister = (
      phone: Phone.Phone,
      domain: string,
      branch: string,
      cseq: number,
      extra: Sip.Headers,
    ) => {
      const { ip, port } = phone.socket.local;
      const aor = `sip:${phone.options.extension}@${domain}`;
      return Sip.format(`REGISTER sip:${domain} SIP/2.0`, [
        ["Via", `SIP/2.0/UDP ${ip}:${port};branch=${branch};rport`],
        ["From", `<${aor}>;tag=${Sip.token()}`],
        ["To", `<${aor}>`],
        ["Call-ID", Sip.token()],
        ["CSeq", `${cseq} REGISTER`],
        ...extra,
      ]);
    };

    const answerTo = async (phone: Phone.Phone, challenge: string) => {
      const fresh = await challengeOf(phone, "strong.test");
      const algorithm = Digest.parse(challenge, "Authorization").algorithm;
      const offered = Sip.all(fresh, "www-authenticate")
        .find((one) => one.includes(`algorithm=${algorithm},`) || one.endsWith(algorithm)) ??
        Sip.all(fresh, "www-authenticate")[0]!.replace(
          /algorithm=[\w-]+/,
          `algorithm=${algorithm}`,
        );
      const given = Digest.parse(offered, "Authorization");
      const proof = Digest.answer(given, credentials(phone), {
        method: "REGISTER",
        uri: "sip:strong.test",
      });
      const branch = Sip.branch();
      phone.socket.send(
        strongRegister(phone, "strong.test", branch, 2, [["Authorization", proof]]),
      );
      return await phone.socket.next("an answer", (m) => m.text.includes(branch));
    };

    test("a nonce count that was used is stale, and the next one goes through", async () => {
      const phone = await Scene.phone(engine(), "2001", { secret: Directory.secretOf("2001") });
      const offered = await challengeOf(phone, "strong.test");
      const given = Digest.parse(Sip.header(offered, "www-authenticate"), "Authorization");
      const send = async (nc: number) => {
        const proof = Digest.answer(given, credentials(phone), {
          method: "REGISTER",
          uri: "sip:strong.test",
          nc,
        });
        const branch = Sip.branch();
        phone.socket.send(
          strongRegister(phone, "strong.test", branch, 2, [["Authorization", proof]]),
        );
        return await phone.socket.next("an answer", (m) => m.text.includes(branch));
      };
      expect((await send(1)).status).toBe(200);
      const again = await send(1);
      expect(again.status).toBe(401);
      expect(Sip.header(again, "www-authenticate")).toMatch(/stale=true/i);
      expect((await send(3)).status).toBe(200);
      expect((await send(2)).status).toBe(200);
      await phone.close();
    });
  });
});
