/** The laws of the bus port, for each adapter. */
import { Deferred, Effect, Fiber } from "effect";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { until } from "../support/Until.ts";
import { adapters, ask, listen, scoped, serve } from "./Rig.ts";

const echo = (payload: unknown) => Effect.succeed(payload);

describe.each(adapters)("%s bus", (_, open) => {
  test("a request gets its own answer, in whatever order they come", async () => {
    const { far, near } = await open();
    const waiting = new Map<unknown, Deferred.Deferred<unknown>>();
    await serve(far, "later", (payload) => {
      const answer = Deferred.makeUnsafe<unknown>();
      waiting.set(payload, answer);
      return Deferred.await(answer);
    });
    await serve(far, "now", echo);
    const asked = [1, 2, 3].map((n) => ask(near, "later", n));
    await until("the requests", () => waiting.size === 3, 5_000);
    expect(await ask(near, "now", "quick")).toBe("quick");
    for (const n of [2, 3, 1]) {
      await Effect.runPromise(Deferred.succeed(waiting.get(n)!, `answer ${n}`));
    }
    expect(await Promise.all(asked)).toEqual(["answer 1", "answer 2", "answer 3"]);
  });

  test("any JSON value travels unchanged, both ways", async () => {
    const { far, near } = await open();
    await serve(far, "echo", echo);
    await fc.assert(
      fc.asyncProperty(fc.jsonValue(), async (value) => {
        const plain: unknown = JSON.parse(JSON.stringify(value));
        expect(await ask(near, "echo", plain)).toEqual(plain);
      }),
      { examples: [["a\nb\r\n"], ["\u2028 and \u2029"], ["\ud800"], ["\u0000\u00ff"], [null]] },
    );
  });

  test("a server may answer nothing, and may itself ask", async () => {
    const { far, near } = await open();
    await serve(far, "nothing", () => Effect.succeed(undefined));
    await serve(near, "inner", (payload) => Effect.succeed(`${payload}, inner`));
    await serve(far, "outer", (payload) => Effect.orDie(far.request("inner", payload, 5_000)));
    expect(await ask(near, "nothing", 1)).toBeUndefined();
    expect(await ask(near, "outer", "outer")).toBe("outer, inner");
  });

  test("without a server a request fails at once", async () => {
    const { far, near } = await open();
    const nobody = { _tag: "NoResponders", subject: "gone" };
    const request = near.request("gone", 1, 3_600_000);
    expect(await Effect.runPromise(Effect.flip(request))).toMatchObject(nobody);
    const end = await serve(far, "gone", echo);
    // The same request, run again: it finds who serves now.
    expect(await Effect.runPromise(request)).toBe(1);
    await end();
    expect(await ask(near, "gone", 1, 3_600_000)).toMatchObject(nobody);
  });

  test("an answer after the deadline is dropped, and the bus works on", async () => {
    const { far, near } = await open();
    const answers: Array<Deferred.Deferred<unknown>> = [];
    await serve(far, "slow", () => {
      answers.push(Deferred.makeUnsafe());
      return Deferred.await(answers.at(-1)!);
    });
    const late = { _tag: "BusTimeout", subject: "slow", timeoutMs: 20 };
    expect(await ask(near, "slow", 1, 20)).toMatchObject(late);
    const second = ask(near, "slow", 2);
    await until("the second request", () => answers.length === 2, 5_000);
    await Effect.runPromise(Deferred.succeed(answers[0]!, "of the first"));
    await Effect.runPromise(Deferred.succeed(answers[1]!, "of the second"));
    expect(await second).toBe("of the second");
    expect(await Promise.all([1, 2, 3].map((n) => ask(near, "slow", n, n)))).toEqual(
      [1, 2, 3].map((timeoutMs) => expect.objectContaining({ ...late, timeoutMs })),
    );
  });

  test("a server that dies leaves a timeout, not a defect", async () => {
    const { far, near } = await open();
    await serve(far, "dies", () => Effect.die("a defect"));
    await serve(far, "throws", () => {
      throw new Error("a defect");
    });
    for (const subject of ["dies", "throws"]) {
      expect(await ask(near, subject, 1, 20)).toMatchObject({ _tag: "BusTimeout", subject });
    }
  });

  test("whoever stops waiting is not told, and disturbs nobody", async () => {
    const { far, near } = await open();
    const answer = Deferred.makeUnsafe<unknown>();
    let asked = 0;
    await serve(far, "slow", () => {
      asked++;
      return Deferred.await(answer);
    });
    const fiber = Effect.runFork(near.request("slow", 1, 30_000));
    const other = ask(near, "slow", 2);
    await until("both requests", () => asked === 2, 5_000);
    expect((await Effect.runPromise(Effect.exit(Fiber.interrupt(fiber))))._tag).toBe("Success");
    await Effect.runPromise(Deferred.succeed(answer, "late"));
    expect(await other).toBe("late");
  });

  test("a second server of a subject is a defect, until the first has ended", async () => {
    const { far, near } = await open();
    const end = await serve(far, "one", () => Effect.succeed("first"));
    await expect(serve(far, "one", echo)).rejects.toThrow("two servers of the subject one");
    expect(await ask(near, "one", 1)).toBe("first");
    await end();
    await serve(far, "one", () => Effect.succeed("second"));
    expect(await ask(near, "one", 1)).toBe("second");
  });

  test("what is published reaches all who listen, in order", async () => {
    const { far, near } = await open();
    const [a, b, other] = [
      await listen(far, "news"),
      await listen(far, "news"),
      await listen(far, "else"),
    ];
    for (let n = 0; n < 100; n++) await Effect.runPromise(near.publish("news", { n }));
    await Effect.runPromise(near.publish("nobody listens", 1));
    await until("the last", () => b.heard.length === 100, 5_000);
    expect(a.heard).toEqual(Array.from({ length: 100 }, (_, n) => ({ n })));
    expect(b.heard).toEqual(a.heard);
    expect(other.heard).toEqual([]);
  });

  test("whoever publishes waits for no listener, and no listener for another", async () => {
    const { far, near } = await open();
    for (const bad of [Effect.never, Effect.die("a defect")]) {
      await scoped(far.subscribe("news", () => bad));
    }
    await scoped(far.subscribe("news", () => {
      throw new Error("a defect");
    }));
    const good = await listen(far, "news");
    for (const n of [1, 2]) await Effect.runPromise(near.publish("news", n));
    await until("both", () => good.heard.length === 2, 5_000);
  });

  test("a listener hears nothing after its scope, and may listen twice", async () => {
    const { far, near } = await open();
    const heard: Array<unknown> = [];
    const hear = (payload: unknown) => Effect.sync(() => void heard.push(payload));
    const [first, marker] = [
      await scoped(far.subscribe("news", hear)),
      await listen(far, "news"),
    ];
    await scoped(far.subscribe("news", hear));
    const publish = async (payload: string) => {
      await Effect.runPromise(near.publish("news", payload));
      await until("it", () => marker.heard.includes(payload), 5_000);
    };
    await publish("to two");
    await first.close();
    await publish("to one");
    expect(heard).toEqual(["to two", "to two", "to one"]);
  });
});
