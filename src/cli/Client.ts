/** The operations of a running Tandem, through the socket in its data folder. */
import { existsSync } from "node:fs";
import { join } from "node:path";
import { NodeSocket } from "@effect/platform-node";
import { Effect, Layer, Schema } from "effect";
import { RpcClient, RpcSerialization } from "effect/rpc";
import { Operations } from "../../schemas/rpc/Operations.ts";

/** Something that the person at the terminal can mend. */
export class CommandFailed extends Schema.TaggedError<CommandFailed>()("CommandFailed", {
  reason: Schema.String,
}) {
  override get message(): string {
    return this.reason;
  }
}

const maxFrame = 64 * 1024 * 1024;

const notRunning = (data: string): CommandFailed =>
  new CommandFailed({
    reason: `no Tandem runs with the data folder ${data}; start it with ` +
      `"npm start -- --data ${data}", or name the right folder with --data`,
  });

const make = Effect.fnUntraced(function* (data: string) {
  const path = join(data, "control.sock");
  if (!existsSync(path)) return yield* notRunning(data);
  const protocol = RpcClient.layerProtocolSocket({
    pingTimeout: "60 seconds",
    retryTransientErrors: false,
  }).pipe(
    Layer.provide(NodeSocket.layerNet({ path })),
    Layer.provide(RpcSerialization.layerNdjsonWith({ maxBufferSize: maxFrame })),
  );
  const context = yield* Layer.build(protocol);
  return yield* RpcClient.make(Operations).pipe(Effect.provide(context));
});

export type Client = Effect.Success<ReturnType<typeof make>>;

/** Uses the operations once; failures become words for people. */
export const use = <A, E extends { readonly message: string }>(
  data: string,
  ask: (client: Client) => Effect.Effect<A, E>,
): Effect.Effect<A, CommandFailed> =>
  Effect.scoped(
    Effect.flatMap(make(data), (client): Effect.Effect<A, CommandFailed | E> => ask(client)),
  ).pipe(
    Effect.mapError((error) => {
      if (error instanceof CommandFailed) return error;
      const tag = (error as { readonly _tag?: string })._tag;
      return tag === "OperationRefused"
        ? new CommandFailed({ reason: error.message })
        : notRunning(data);
    }),
  );
