import { type Command, Option } from 'commander';
import type { Instant } from '../activity/instant.ts';
import { openKafka, openRegistry } from '../cli/connections.ts';
import { readInstant } from '../cli/flag-values.ts';
import { type CommandContext, type OutputFlags, PRINT_CONFIG, runCommand } from '../cli/run-command.ts';
import { exitCodeOf } from '../cli/shutdown.ts';
import type { Settings } from '../config/settings.ts';
import type { Registry } from '../registry/client.ts';
import type { EventCodec } from '../registry/event-codec.ts';
import { must } from '../runtime/must.ts';
import { EVENT_TOPICS, type EventTopic, isOfLearner, type OwnEvent } from './own-event.ts';
import { eventJson, eventLine, eventsHead } from './tail-page.ts';
import { tailEvents } from './tail-pipeline.ts';
import { inactivityCodec, kpiUpdatedCodec } from './wiring.ts';

interface Flags extends OutputFlags {
  readonly topic?: EventTopic;
  readonly from?: Instant;
  readonly user?: string;
}

export function addEvents(program: Command): void {
  const events = program.command('events').description('read the events that lastseen publishes');
  events
    .command('tail')
    .description('print events as they are published, until it is stopped')
    .addOption(new Option('--topic <topic>', 'only events of this topic').choices(EVENT_TOPICS))
    .option('--from <instant>', 'begin with events published at this instant, e.g. 2026-03-16T05:00:00Z', readInstant)
    .option('--user <user_id>', 'only events of this learner')
    .option('--json', 'print JSON, one event per line')
    .option(...PRINT_CONFIG)
    .addHelpText(
      'after',
      '\nExit code 130 after Ctrl-C.' +
        '\n\nExamples:\n  lastseen events tail\n  lastseen events tail --topic inactivity --from 2026-03-16T05:00:00Z' +
        '\n  lastseen events tail --user anna --json',
    )
    .action((flags: Flags) =>
      runCommand({
        name: 'events tail',
        needs: ['kafka', 'registry'],
        printConfig: flags.printConfig,
        work: (context) => run(context, flags),
      }),
    );
}

async function run(context: CommandContext, flags: Flags): Promise<number> {
  const { settings, print } = context;
  const wanted = flags.topic === undefined ? EVENT_TOPICS : [flags.topic];
  const registry = openRegistry(settings);
  const topics = new Map<string, (value: Buffer) => Promise<OwnEvent>>();
  for (const name of wanted) {
    const [topic, decode] = await topicOf(name, settings, registry);
    topics.set(topic, decode);
  }
  if (!flags.json) print(eventsHead());
  await tailEvents(context, {
    kafka: openKafka(context),
    topics,
    from: flags.from,
    onEvents: async (events) => {
      const shown = events.filter((event) => flags.user === undefined || isOfLearner(flags.user, event));
      for (const event of shown) print(flags.json ? eventJson(event) : eventLine(event));
      await context.flushed();
    },
  });
  return exitCodeOf(must(context.stoppedBy(), 'only a signal ends the reading'));
}

async function topicOf(name: EventTopic, settings: Settings, registry: Registry) {
  switch (name) {
    case 'inactivity': {
      const codec = await inactivityCodec(settings, registry);
      return [settings.INACTIVITY_TOPIC, decoderOf(codec, (event): OwnEvent => ({ kind: name, event }))] as const;
    }
    case 'kpi-updated': {
      const codec = await kpiUpdatedCodec(settings, registry);
      return [settings.KPI_UPDATED_TOPIC, decoderOf(codec, (event): OwnEvent => ({ kind: name, event }))] as const;
    }
  }
}

function decoderOf<T extends object>({ decode }: EventCodec<T>, toEvent: (event: T) => OwnEvent) {
  return async (value: Buffer): Promise<OwnEvent> => {
    const decoded = await decode(value);
    return decoded.kind === 'event' ? toEvent(decoded.event) : { kind: 'undecodable', detail: decoded.detail };
  };
}
