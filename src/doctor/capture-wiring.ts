import { readCaptureBreaks } from '../freshness/capture-evidence-pipeline.ts';
import { readCaptures } from '../freshness/capture-store.ts';
import { readConnectors } from '../freshness/connect-client.ts';
import { readSlotState } from '../freshness/replication-store.ts';
import { reportFreshness } from '../freshness/report-pipeline.ts';
import { type ExistingNames, wrongName } from '../preflight/capture-names.ts';
import { type Finding, skipped } from '../preflight/finding.ts';
import { configuredNames } from '../preflight/names-wiring.ts';
import { safeMessage } from '../runtime/errors.ts';
import * as capture from './capture-findings.ts';
import type { Check } from './checks.ts';
import { type Connections, check } from './connections-wiring.ts';
import { committedOffset, connectors } from './connector-findings.ts';
import { unreadByConnector } from './postgres-store.ts';

/** Checks of how changes get from the source into the topics, and of the proof that they are applied. */
export function captureChecks(connections: Connections, readNames: () => Promise<ExistingNames>): readonly Check[] {
  const { context, slotDatabase, view } = connections;
  const { settings } = context;
  const slotUrl = settings.SLOT_DATABASE_URL === undefined ? 'DATABASE_URL' : 'SLOT_DATABASE_URL';
  return [
    check('names', ['slot server'], slotUrl, async () => {
      const [names, existing] = [configuredNames(settings), await readNames()];
      return wrongName(names, existing) ?? capture.rightNames(names, existing);
    }),
    check(
      'slot',
      ['slot server'],
      slotUrl,
      async () => capture.slot(view, await readSlotState(slotDatabase, view.slot), await readNames()),
      ['names'],
    ),
    check(
      'publication',
      ['slot server'],
      slotUrl,
      async () => {
        const captures = await readCaptures(slotDatabase, view.publication);
        const enabled = [...view.sources.values()];
        const tables = enabled.flatMap((source) => captures.get(source)?.tables ?? []);
        return [
          ...capture.publication(view.publication, captures, enabled, await readNames()),
          ...capture.snapshotRights(await unreadByConnector(slotDatabase, view.slot, tables)),
        ];
      },
      // A table that is missing cannot be added to a publication.
      ['names', 'source tables'],
    ),
    check(
      'capture',
      ['own tables', 'slot server'],
      slotUrl,
      async () => capture.continuity(await readCaptureBreaks(view)),
      // A table that is not published breaks capture again after each audit.
      ['names', 'source tables', 'publication'],
    ),
    check('connector', [], 'connect', () => connectorFindings(connections), ['names']),
    check('committed offset', ['connector'], 'connect', () => committedOffsetFinding(connections)),
  ];
}

/** The default of `fresh --wait`: the slot of a healthy connector passes the position meanwhile. */
const FRESHNESS_WAIT_MS = 5_000;
/** For the last look, which begins before the wait is over. */
const FRESHNESS_LOOK_MS = 5_000;

/** What a sweep would prove now. What other checks have found is not repeated. */
export function freshnessCheck({ view }: Connections): Check {
  const read = async () => capture.sourcesFresh(await reportFreshness({ ...view, waitMs: FRESHNESS_WAIT_MS }, 0n));
  const others = [
    ...['names', 'source tables', 'slot', 'publication', 'capture'],
    ...['topics', 'gaps', 'open letters', 'last audit'],
  ];
  return {
    ...check('freshness', ['own tables', 'slot server', 'brokers'], 'DATABASE_URL', read, others),
    timeoutMs: FRESHNESS_WAIT_MS + FRESHNESS_LOOK_MS,
  };
}

/** Shorter than the timeout of a check, so that its own message is printed. */
const CONNECT_TIMEOUT_MS = 4_000;

async function connectorFindings({ context: { settings } }: Connections): Promise<readonly Finding[] | Finding> {
  const { CONNECT_URL: url } = settings;
  if (url === undefined) return skipped('CONNECT_URL is not set');
  return connectors(await readConnectors(url, CONNECT_TIMEOUT_MS), configuredNames(settings));
}

async function committedOffsetFinding({ context: { settings, now }, view }: Connections): Promise<Finding> {
  if (view.readOffset === undefined) return skipped('CONNECT_URL is not set');
  try {
    return committedOffset(await view.readOffset(), now());
  } catch (error) {
    // Only then is it needed.
    if (settings.FRESHNESS_PROOF !== 'slot') throw error;
    return skipped(safeMessage(error));
  }
}
