import type { Source } from '../activity/source.ts';
import { readableInstant } from '../cli/tables.ts';
import { NOT_PUBLISHED, type SourceCapture, uncaptured } from '../freshness/capture.ts';
import { type CaptureBreak, describeBreak } from '../freshness/capture-evidence.ts';
import type { SlotState } from '../freshness/replication-store.ts';
import type { FreshnessReport } from '../freshness/report.ts';
import { type ConfiguredNames, type ExistingNames, slotsHere } from '../preflight/capture-names.ts';
import { type Advice, type Finding, failed, ok, skipped, warning } from '../preflight/finding.ts';
import { must } from '../runtime/must.ts';
import type { UnreadByConnector } from './postgres-store.ts';

const MAX_SLOT_LAG_BYTES = 256n * 1024n * 1024n;
const SLOT_BEHIND = 'docs/runbooks/LastseenSlotBehind.md';
const NOT_FRESH = 'docs/runbooks/LastseenSourceNotFresh.md';

/** If no name is known to be wrong. */
export function rightNames(
  { slot: name, publication: published, topics }: Pick<ConfiguredNames, 'slot' | 'publication' | 'topics'>,
  existing: ExistingNames,
): Finding {
  const exist =
    slotsHere(existing).includes(name) &&
    existing.publications.some((each) => each.name === published) &&
    [...topics.keys()].every((topic) => existing.topics?.includes(topic));
  return exist
    ? ok('topics, slot and publication are those that exist')
    : ok('nothing that exists contradicts the names of topics, slot and publication');
}

/** The slot, and what shows how far the connector has delivered. */
interface ConfiguredSlot {
  readonly slot: string;
  readonly proof: 'slot' | 'connect' | 'both';
}

export function slot(
  { slot: name, proof }: ConfiguredSlot,
  state: SlotState | undefined,
  existing: ExistingNames,
): Finding {
  if (state === undefined) {
    if (proof === 'connect')
      return skipped(`FRESHNESS_PROOF is connect, and there is no slot ${name} in this database`);
    return missingSlot(name, slotsHere(existing));
  }
  const { active, walStatus, behindBytes, invalidationReason, failover, hasStandby } = state;
  const message = `slot ${name} is ${active ? 'active' : 'not active'}, ${behindBytes} bytes behind, WAL ${walStatus}`;
  if (walStatus === 'lost' || invalidationReason !== null) {
    const why = invalidationReason === null ? '' : ` (invalidation_reason ${invalidationReason})`;
    return failed(`${message}: changes are lost${why}`, {
      hint: 'drop the slot and take a new snapshot',
      page: 'docs/operations/backup-and-recovery.md#the-slot-is-lost',
    });
  }
  if (!active) {
    return failed(`${message}: no connector reads it, and Postgres keeps its WAL`, {
      hint: 'start or resume the connector',
      page: SLOT_BEHIND,
    });
  }
  if (walStatus === 'unreserved') {
    return warning(`${message}: its WAL may soon be removed`, {
      hint: 'raise max_slot_wal_keep_size, and check the connector',
      page: SLOT_BEHIND,
    });
  }
  if (behindBytes > MAX_SLOT_LAG_BYTES) {
    return warning(message, {
      hint: 'check that the connector has a heartbeat.action.query and keeps up',
      page: SLOT_BEHIND,
    });
  }
  // Null before Postgres 17, in which no slot can have it.
  if (failover === false && hasStandby) {
    return warning(`${message}, failover=false: it is lost if the standby of this server is promoted`, {
      hint: 'let the connector create the slot with failover',
      page: 'docs/operations/backup-and-recovery.md#failover',
    });
  }
  return ok(message);
}

function missingSlot(name: string, others: readonly string[]): Finding {
  const has = others.length === 0 ? '' : `; it has ${others.join(', ')}`;
  return failed(`there is no replication slot ${name} in this database${has}`, {
    hint:
      others.length === 0
        ? 'register and start the connector, which creates it'
        : "set REPLICATION_SLOT to the connector's slot.name; if it is this name, register and start the connector",
    page: NOT_FRESH,
  });
}

/** One finding for all tables that are not published, because one statement adds them. */
export function publication(
  name: string,
  captures: ReadonlyMap<Source, SourceCapture>,
  enabled: readonly Source[],
  { publications }: ExistingNames,
): readonly Finding[] {
  if (!publications.some((each) => each.name === name)) return [missingPublication(name, publications)];
  const captureOf = (source: Source) => captures.get(source) ?? NOT_PUBLISHED;
  const isUnlisted = (source: Source) => missingTable(source, captureOf(source));
  const unlisted = enabled.filter(isUnlisted);
  const { missingOperations } = captureOf(must(enabled[0], 'SOURCES names at least one'));
  if (missingOperations.length > 0) return [withoutOperations(name, missingOperations)];
  return [
    ...(unlisted.length === 0 ? [] : [unlistedTables(name, unlisted)]),
    ...enabled.filter((source) => !isUnlisted(source)).map((source) => sourceCaptured(name, source, captureOf(source))),
  ];
}

function missingPublication(name: string, publications: ExistingNames['publications']): Finding {
  const has =
    publications.length === 0
      ? ''
      : `; it has ${publications.map(({ name: other, sources }) => `${other} (${sources.join(', ') || 'none of the sources'})`).join(', ')}`;
  return failed(`there is no publication ${name} in this database${has}`, {
    hint: "set PUBLICATION to the connector's publication.name; if it is this name, start the connector, or run k8s/postgres/replication.sql",
    page: NOT_FRESH,
  });
}

/** The source's own table is missing in the publication, and it has no partitions. */
function missingTable(source: Source, { tables, missingPartitions }: SourceCapture): boolean {
  return tables.length === 0 && (missingPartitions.length === 0 || missingPartitions.join() === `public.${source}`);
}

function unlistedTables(publication: string, sources: readonly Source[]): Finding {
  const tables = sources.map((source) => `public.${source}`).join(', ');
  return failed(
    `publication ${publication} lacks ${sources.join(', ')}: their changes are not captured`,
    altered(publication, `ADD TABLE ${tables}`),
  );
}

function withoutOperations(publication: string, operations: readonly string[]): Finding {
  return failed(
    `publication ${publication} does not publish ${operations.join(' and ')}: these changes are not captured`,
    altered(publication, 'SET (publish = $$insert, update, delete, truncate$$)'),
  );
}

/** @param change without single quotes, so that there is a remedy */
function altered(publication: string, change: string): Advice {
  const statement = `ALTER PUBLICATION ${identifier(publication)} ${change}`;
  return {
    hint: `${statement}; ${SNAPSHOT}`,
    page: 'docs/runbooks/LastseenCaptureBroken.md',
    ...byAdministrator(statement),
  };
}

/** The remedy with a statement, unless a shell would end its quotation too early. */
function byAdministrator(statement: string): Pick<Advice, 'remedy'> {
  return statement.includes("'") ? {} : { remedy: { command: `psql "$ADMIN_DATABASE_URL" -c '${statement}'` } };
}

function identifier(name: string): string {
  return /^[a-z_][a-z0-9_]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

function sourceCaptured(publication: string, source: Source, capture: SourceCapture): Finding {
  const reasons = uncaptured(source, publication, capture);
  if (reasons.length > 0) {
    return failed(reasons.join('; '), {
      hint: `${captureHint(identifier(publication), source, capture)}; ${SNAPSHOT}`,
      page: 'docs/runbooks/LastseenCaptureBroken.md',
    });
  }
  const own = capture.tables.length === 1 && capture.tables[0] === `public.${source}`;
  if (own) return ok(`publication ${publication} contains ${source}`);
  return ok(
    `publication ${publication} contains ${source} by its partitions: a router (ByLogicalTableRouter) must join their topics`,
  );
}

export function snapshotRights(unread: UnreadByConnector | undefined): readonly Finding[] {
  if (unread === undefined) return [];
  const { role, tables } = unread;
  const statement = `GRANT SELECT ON ${tables.join(', ')} TO ${identifier(role)}`;
  return [
    warning(`role ${role} of the connector may not read ${tables.join(', ')}: a snapshot would fail`, {
      hint: `${statement}; k8s/postgres/replication.sql grants all its rights`,
      page: 'docs/operations/backup-and-recovery.md#a-new-snapshot',
      ...byAdministrator(statement),
    }),
  ];
}

const SNAPSHOT = 'rows written before that need a new snapshot, or `lastseen audit --repair`';

function captureHint(publication: string, source: Source, { tables, missingPartitions }: SourceCapture): string {
  const alter = `ALTER PUBLICATION ${publication}`;
  if (missingPartitions.length === 0) return `${alter} SET TABLE with all tables, without a row filter and column list`;
  if (tables.length > 0) return `${alter} ADD TABLE ${missingPartitions.join(', ')}`;
  return (
    `${alter} ADD TABLE ${source}, and either ${alter} SET (publish_via_partition_root = true), ` +
    'or join the topics of its partitions by a router'
  );
}

export function continuity(breaks: readonly CaptureBreak[]): readonly Finding[] {
  if (breaks.length === 0) return [ok('capture has been continuous since the last complete audit')];
  return breaks.map((each) =>
    failed(describeBreak(each), {
      hint: 'run `lastseen audit --repair`',
      page: 'docs/runbooks/LastseenCaptureBroken.md',
      remedy: { command: 'lastseen audit --repair' },
    }),
  );
}

/** What a sweep would prove now. Sources that lack the same are one finding. */
export function sourcesFresh({ sources }: FreshnessReport): readonly Finding[] {
  const proven = sources.flatMap(({ source, topic, proof }) =>
    proof.kind === 'proven'
      ? [
          ok(
            `${source}: all ${proof.records} records of ${topic} are applied, proven up to ${readableInstant(proof.until)}`,
          ),
        ]
      : [],
  );
  const byReason = Map.groupBy(
    sources.flatMap(({ source, proof }) =>
      proof.kind === 'proven' ? [] : [{ source, kind: proof.kind, missing: unproven(source, proof.missing) }],
    ),
    ({ kind, missing }) => `${kind}: ${missing}`,
  );
  return [...proven, ...[...byReason.values()].map(notFresh)];
}

interface Unproven {
  readonly source: Source;
  readonly kind: 'behind' | 'broken';
  readonly missing: string;
}

function notFresh(same: readonly Unproven[]): Finding {
  const [first] = same;
  const { kind, missing } = must(first, 'a group has a member');
  const message = `${same.map(({ source }) => source).join(', ')}: ${missing}`;
  return kind === 'broken'
    ? failed(message, { hint: 'look the reason up in the table of its page', page: NOT_FRESH })
    : warning(message, { hint: '`lastseen fresh --wait 1m` waits longer', page: NOT_FRESH });
}

/** Most reasons begin with the name of their source. */
function unproven(source: Source, missing: readonly string[]): string {
  const prefix = `${source}: `;
  return missing.map((reason) => (reason.startsWith(prefix) ? reason.slice(prefix.length) : reason)).join('; ');
}
