/** What the command line says about itself: help when it is asked for, one line when misused. */
import { Console, Effect, Layer } from "effect";
import { CliConfig, type CliError, CliOutput, GlobalFlag } from "effect/cli";

/** How commands are run from the repository; help and errors give commands that can be pasted. */
export const run = "npm run -s tandem --";

const formatter = CliOutput.defaultFormatter({ globalFlags: "none" });

/** Flags first, as a person typed them; the library's own wording is for its developers. */
const explain = (error: CliError.NonShowHelpErrors): string => {
  switch (error._tag) {
    case "InvalidValue":
      return error.value === ""
        ? `--${error.option} needs a value`
        : `--${error.option} must be ${error.expected}, not "${error.value}"`;
    case "MissingArgument":
      return `${error.argument.toUpperCase()} is missing`;
    case "UnrecognizedOption":
      return `there is no flag ${error.option}${suggest(error.suggestions)}`;
    case "UnknownSubcommand":
      return `there is no command ${error.subcommand}${suggest(error.suggestions)}`;
    case "UnexpectedArgument":
      return `too many arguments: ${error.arguments.join(" ")}`;
    default:
      return error.message;
  }
};

const suggest = (names: ReadonlyArray<string>): string =>
  names.length === 0 ? "" : `; did you mean ${names.join(" or ")}?`;

const present = (event: CliOutput.Presenter.Event): Effect.Effect<void> => {
  switch (event._tag) {
    case "Help":
      return Console.log(formatter.formatHelpDoc(event.helpDoc));
    case "Version":
      return Console.log(`${event.name} ${event.version}`);
    case "InvalidInvocation": {
      const verbs = event.commandPath.slice(1).map((verb) => ` ${verb}`).join("");
      return Console.error([
        ...event.errors.map((error) => `tandem: ${explain(error)}`),
        `Help: ${run}${verbs} --help`,
      ].join("\n"));
    }
  }
};

/** Wizards, completions and log levels are left out: nothing here reads them. */
export const layer: Layer.Layer<never> = Layer.mergeAll(
  CliConfig.layer({ builtIns: [GlobalFlag.Help, GlobalFlag.Version] }),
  CliOutput.layerPresenter({ present }),
);
