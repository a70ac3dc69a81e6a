/** Whatever a test file starts or makes ends with it, also when a test failed. */
import { afterAll } from "vitest";
import * as Folders from "../support/Folders.ts";
import * as Processes from "../support/Processes.ts";

afterAll(async () => {
  await Processes.endAll();
  Folders.removeAll();
}, 30_000);
