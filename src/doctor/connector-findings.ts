import { type Instant, MICROS_PER_SECOND } from '../activity/instant.ts';
import type { SettingName } from '../config/settings.ts';
import type { ConnectorState } from '../freshness/connect-client.ts';
import type { CommittedOffset } from '../freshness/connect-offset.ts';
import { type ConnectorPart, describePart } from '../freshness/connector-filters.ts';
import type { ConfiguredNames } from '../preflight/capture-names.ts';
import { type Advice, type Finding, failed, ok, warning } from '../preflight/finding.ts';

const PAGE = 'docs/runbooks/LastseenSourceNotFresh.md';

type OwnNames = Pick<ConfiguredNames, 'topicPrefix' | 'slot' | 'publication' | 'topics'>;

export function connectors(all: readonly ConnectorState[], ours: OwnNames): readonly Finding[] {
  const found = all.filter((each) => each.topicPrefix === ours.topicPrefix || each.slotName === ours.slot);
  if (found.length === 0) {
    const others = all.map((each) => `${each.name} (topic.prefix ${each.topicPrefix}, slot.name ${each.slotName})`);
    return [
      failed(
        `no connector has topic.prefix ${ours.topicPrefix} or slot.name ${ours.slot}; there ${all.length === 0 ? 'is none' : `are ${others.join(', ')}`}`,
        { hint: 'register the connector, or correct TOPIC_PREFIX and REPLICATION_SLOT', page: PAGE },
      ),
    ];
  }
  return found.flatMap((connector) => [
    ...(found.length > 1 ? [] : otherNames(connector, ours)),
    ...connectorSettings(connector),
    ...connector.parts.map((part) => connectorPart(connector.name, part)),
    ...(connector.parts.length > 1
      ? []
      : [failed(`connector ${connector.name} has no task`, { hint: 'read the log of Kafka Connect', page: PAGE })]),
  ]);
}

/** What the only connector of ours is configured with, if the settings say otherwise. */
function otherNames(
  { name, topicPrefix, slotName, publicationName }: ConnectorState,
  ours: OwnNames,
): readonly Finding[] {
  // Topics with names of their own do not show the prefix.
  const showsPrefix = [...ours.topics.keys()].some((topic) => topic.startsWith(`${ours.topicPrefix}.public.`));
  const pairs: readonly (readonly [SettingName, string, string, string | undefined])[] = [
    ...(showsPrefix ? [['TOPIC_PREFIX', 'topic.prefix', ours.topicPrefix, topicPrefix] as const] : []),
    ['REPLICATION_SLOT', 'slot.name', ours.slot, slotName],
    ['PUBLICATION', 'publication.name', ours.publication, publicationName],
  ];
  return pairs.flatMap(([setting, key, own, value]) =>
    value === undefined || value === own
      ? []
      : [
          failed(`connector ${name} has ${key} ${value}, not ${own}`, {
            hint: `set ${setting}=${value}`,
            page: 'docs/deploying.md#names',
            remedy: { setting, value },
          }),
        ],
  );
}

function connectorPart(connector: string, part: ConnectorPart): Finding {
  const message = describePart(part);
  const url = `"$CONNECT_URL/connectors/${connector}`;
  switch (part.state) {
    case 'RUNNING':
      return ok(message);
    case 'FAILED':
      return failed(message, {
        hint: `fix the error it names, then run curl -X POST ${url}/restart?includeTasks=true&onlyFailed=true"`,
        page: PAGE,
      });
    case 'PAUSED':
      return warning(message, resume(url));
    case 'STOPPED':
      // Its offsets may be about to be changed.
      return warning(message, { hint: resume(url).hint, page: PAGE });
    default:
      return warning(message, { hint: 'run `lastseen doctor` again in a moment', page: PAGE });
  }
}

function resume(url: string): Advice {
  const command = `curl -X PUT ${url}/resume"`;
  return { hint: `resume it: ${command}`, page: PAGE, remedy: { command } };
}

/** Settings without which a slot does not move, or only while the source is written to. */
function connectorSettings({ name, hasHeartbeat, confirmsToSlot }: ConnectorState): readonly Finding[] {
  return [
    ...(hasHeartbeat
      ? []
      : [
          warning(
            `connector ${name} has no heartbeat.action.query with heartbeat.interval.ms: while the source is idle, its slot does not move, and no sweep is fresh`,
            { hint: 'set both as in stack/connector.json', page: PAGE },
          ),
        ]),
    ...(confirmsToSlot
      ? []
      : [
          warning(`connector ${name} does not confirm positions to its slot, which does not move`, {
            hint: 'set lsn.flush.mode=connector; leave out flush.lsn.source',
            page: PAGE,
          }),
        ]),
  ];
}

/** The heartbeat is a transaction per second, and Connect commits offsets once per minute by default. */
const MAX_OFFSET_AGE_US = 300n * MICROS_PER_SECOND;

export function committedOffset(
  { connector, state, isSnapshot, lsn, newestAt }: CommittedOffset,
  now: Instant,
): Finding {
  if (state === 'STOPPED') {
    return warning(`connector ${connector} is STOPPED: its offset can be changed`, {
      hint: 'resume it, and run `lastseen audit --repair` if its offset was changed',
      page: PAGE,
    });
  }
  if (isSnapshot || lsn === undefined) {
    return warning(
      `connector ${connector} has not committed the offset of a transaction${isSnapshot ? ': its snapshot is not complete' : ''}`,
      { hint: 'wait until its snapshot is complete', page: PAGE },
    );
  }
  if (newestAt === undefined) return ok(`connector ${connector} has committed an offset`);
  const seconds = (now - newestAt) / MICROS_PER_SECOND;
  const message = `the newest transaction that connector ${connector} has delivered was committed ${seconds} s ago`;
  if (now - newestAt <= MAX_OFFSET_AGE_US) return ok(message);
  return warning(`${message}: it does not move`, {
    hint: 'check its state, that it has a heartbeat.action.query, and that it keeps up',
    page: PAGE,
  });
}
