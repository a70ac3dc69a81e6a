/**
 * Operations over a Unix socket in the data folder: who may open the file may operate this Tandem.
 */
import { chmodSync, rmSync } from "node:fs";
import { NodeSocketServer } from "@effect/platform-node";
import { Effect, Layer } from "effect";
import { RpcSerialization, RpcServer } from "effect/rpc";
import { Operations } from "../../schemas/rpc/Operations.ts";

/** A directory of some hundred thousand users still fits into one frame. */
const maxFrame = 64 * 1024 * 1024;

const mode = 0o600;

/** Serves the group's handlers at `path`; a socket that an earlier life left there is replaced. */
export const layer = (path: string) => {
  const socket = Layer.unwrap(Effect.sync(() => {
    rmSync(path, { force: true });
    return NodeSocketServer.layer({ path });
  })).pipe(Layer.tap(() => Effect.sync(() => chmodSync(path, mode))));
  return RpcServer.layer(Operations).pipe(
    Layer.provide(RpcServer.layerProtocolSocketServer),
    Layer.provide(socket),
    Layer.provide(RpcSerialization.layerNdjsonWith({ maxBufferSize: maxFrame })),
  );
};
