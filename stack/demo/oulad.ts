import { createReadStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { createGunzip } from 'node:zlib';
import { formatInstant, type Instant, MICROS_PER_DAY, parseInstant } from '../../src/activity/instant.ts';
import { perSource } from '../../src/activity/source.ts';
import type { Database, Queryable } from '../../src/postgres/database.ts';
import { placeEvent } from './event-time.ts';
import type { LoadPlan, Report } from './load.ts';
import * as rows from './oulad-rows.ts';

export interface OuladRequest {
  readonly folder: string;
  readonly asOf: Instant;
}

export const OULAD_FILES = [
  'presentation_starts.csv',
  'learners.csv.gz',
  'activity.csv.gz',
  'submissions.csv.gz',
] as const;

type OuladFile = (typeof OULAD_FILES)[number];

/** The connector starts this many days before the as-of: older rows are in its snapshot, newer ones are streamed. */
const STREAMED_DAYS = 21n;

/**
 * Stages the OULAD files (Kuzilek, Hlosta, Zdrahal 2017, doi 10.1038/sdata.2017.171, CC BY 4.0) and turns them into the
 * platform's tables by the rules that come with them. Only events up to the as-of are staged. The staging tables
 * are unlogged, outside the publication, and hold days and counts. SQL builds the rows from them.
 */
export async function loadOulad(db: Database, request: OuladRequest, report: Report): Promise<LoadPlan> {
  const { folder, asOf } = request;
  await rows.createStaging(db);
  const starts = await readStarts(folder);
  const enrolments = await stageLearners(db, folder, starts);
  await stageActivity(db, folder, enrolments, asOf, report);
  await stageSubmissions(db, folder, enrolments, asOf);
  const streamedFrom = asOf - STREAMED_DAYS * MICROS_PER_DAY;
  const window = { asOf: formatInstant(asOf), streamedFrom: formatInstant(streamedFrom) };
  const records = await rows.countRecords(db, window);
  return {
    origin: `OULAD 2013 (CC BY 4.0, doi 10.1038/sdata.2017.171), events up to ${formatInstant(asOf)}`,
    learners: enrolments.size,
    rows: perSource((source) => records[source].snapshot + records[source].created),
    records,
    async phase1(report) {
      await rows.insertEvents(db, { from: '-infinity', before: window.streamedFrom }, report);
      report('ability estimates and weekly figures');
      await rows.insertAbility(db);
      await rows.insertWeekly(db, window.asOf);
    },
    async phase2(report) {
      await rows.insertEvents(db, { from: window.streamedFrom, before: 'infinity' }, report);
      report('closing sessions');
      await rows.closeSessions(db, window.asOf);
      await rows.dropStaging(db);
    },
  };
}

interface Enrolment {
  readonly userId: string;
  readonly start: Instant;
}

/** The first day of each presentation, by module and presentation as one string. */
export async function readStarts(folder: string): Promise<Map<string, Instant>> {
  const starts = new Map<string, Instant>();
  for await (const [module, presentation, date = ''] of fields(folder, 'presentation_starts.csv')) {
    const start = parseInstant(date);
    if (start === undefined) throw new Error(`presentation_starts.csv: '${date}' is not a date`);
    starts.set(`${module}${presentation}`, start);
  }
  return starts;
}

export function startOf(starts: ReadonlyMap<string, Instant>, module: string, presentation: string): Instant {
  const start = starts.get(`${module}${presentation}`);
  if (start === undefined) throw new Error(`learners.csv.gz: ${module}${presentation} has no start date`);
  return start;
}

async function stageLearners(
  db: Queryable,
  folder: string,
  starts: ReadonlyMap<string, Instant>,
): Promise<Map<string, Enrolment>> {
  const enrolments = new Map<string, Enrolment>();
  const staged = columns(5);
  for await (const [learner = '', userId = '', studentId = '', module = '', presentation = ''] of fields(
    folder,
    'learners.csv.gz',
  )) {
    enrolments.set(learner, { userId, start: startOf(starts, module, presentation) });
    staged.push(learner, userId, studentId, module, presentation);
  }
  await rows.stageLearners(db, staged.take());
  return enrolments;
}

const BATCH_ROWS = 20_000;

async function stageActivity(
  db: Queryable,
  folder: string,
  enrolments: ReadonlyMap<string, Enrolment>,
  asOf: Instant,
  report: Report,
): Promise<void> {
  const staged = columns(6);
  let read = 0;
  let sending: Promise<void> = Promise.resolve();
  for await (const [learner = '', day = '', kind = '', clicks = ''] of fields(folder, 'activity.csv.gz')) {
    read += 1;
    const { userId, start } = enrolmentOf(enrolments, learner);
    const { at, draw } = placeEvent(userId, start, Number(day), kind);
    if (at > asOf) continue;
    staged.push(learner, day, kind, clicks, String(at), String(draw));
    if (staged.length() < BATCH_ROWS) continue;
    // One batch is written while the next is read.
    await sending;
    sending = rows.stageActivity(db, staged.take());
    report(`${read.toLocaleString('en')} activity rows read`);
  }
  await sending;
  await rows.stageActivity(db, staged.take());
}

async function stageSubmissions(
  db: Queryable,
  folder: string,
  enrolments: ReadonlyMap<string, Enrolment>,
  asOf: Instant,
): Promise<void> {
  const staged = columns(5);
  for await (const [learner = '', assessment = '', type = '', day = '', score = '', , banked] of fields(
    folder,
    'submissions.csv.gz',
  )) {
    // A banked score comes from an earlier presentation. It is no activity.
    if (banked === '1') continue;
    const { userId, start } = enrolmentOf(enrolments, learner);
    const { at } = placeEvent(userId, start, Number(day), `exam:${assessment}`);
    if (at <= asOf) staged.push(learner, assessment, type, score === '' ? 'NULL' : score, String(at));
  }
  await rows.stageSubmissions(db, staged.take());
}

function enrolmentOf(enrolments: ReadonlyMap<string, Enrolment>, learner: string): Enrolment {
  const enrolment = enrolments.get(learner);
  if (enrolment === undefined) throw new Error(`learner ${learner} is not in learners.csv.gz`);
  return enrolment;
}

/** The lines of a file without its header, split at commas: the files are ASCII without quotes. */
export async function* fields(folder: string, name: OuladFile): AsyncGenerator<string[]> {
  const file = createReadStream(join(folder, name));
  const input = name.endsWith('.gz') ? file.pipe(createGunzip()) : file;
  file.on('error', (error) => input.destroy(error));
  let header = true;
  for await (const line of createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (!header) yield line.split(',');
    header = false;
  }
}

/** Collects rows by column as Postgres array literals. The values need no quoting. */
function columns(width: number): { push(...row: string[]): void; length(): number; take(): string[] } {
  let gathered: string[][] = Array.from({ length: width }, () => []);
  return {
    push: (...row) => {
      for (const [index, value] of row.entries()) gathered[index]?.push(value);
    },
    length: () => gathered[0]?.length ?? 0,
    take: () => {
      const literals = gathered.map((values) => `{${values.join(',')}}`);
      gathered = Array.from({ length: width }, () => []);
      return literals;
    },
  };
}
