import { describe, expect, it } from 'vitest';
import { type ActivityPolicy, neededColumns } from '../../src/activity/activity-of.ts';
import type { Row } from '../../src/activity/change.ts';
import { type Instant, parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import type { Source } from '../../src/activity/source.ts';
import { parseUuid, Uuid } from '../../src/activity/uuid.ts';
import { outcomeOfChange } from './outcome-of.ts';

const POLICY: ActivityPolicy = { attemptSource: 'topic', maxClockSkewUs: 600_000_000n };
const FROM_EXAMS: ActivityPolicy = { ...POLICY, attemptSource: 'exam_results' };
const EARLY = '2026-03-16T05:00:00.000001Z';
const LATE = '2026-03-16T06:00:00.000002Z';
const COMMITTED = instant('2026-03-16T07:00:00Z');
const UUID = '0195d2a0-abcd-7000-8000-00000000000f';

function instant(text: string): Instant {
  const parsed = parseInstant(text);
  if (parsed === undefined) throw new Error(`no instant: ${text}`);
  return parsed;
}

function outcomeOf(source: Source, row: Row, policy = POLICY, committedAt: Instant | null = COMMITTED) {
  const outcome = outcomeOfChange(source, { kind: 'row', row, committedAt }, Number(COMMITTED / 1000n), policy);
  if (outcome.kind !== 'applied') return outcome;
  const texts = outcome.activities.map(({ studentId, userId, ...rest }) => ({
    ...rest,
    studentId: studentId.toString(),
    userId: userId?.toString() ?? null,
  }));
  return { ...outcome, activities: texts };
}

describe('which instant counts', () => {
  it.each<[string, Source, Row, string]>([
    [
      'an exam result counts when it was updated',
      'exam_results',
      { user_id: 'u', updated_at: LATE, created_at: EARLY },
      LATE,
    ],
    [
      'an exam result never updated counts when it was created',
      'exam_results',
      { user_id: 'u', updated_at: null, created_at: EARLY },
      EARLY,
    ],
    ['an updated exam result needs no created_at', 'exam_results', { user_id: 'u', updated_at: LATE }, LATE],
    [
      'a feature row counts its last_seen_at',
      'features_topic_daily',
      { user_id: 'u', last_seen_at: EARLY, date: 20_528, computed_at: LATE },
      EARLY,
    ],
    ['a session counts its end', 'session', { user_id: 'u', started_at: EARLY, ended_at: LATE }, LATE],
    ['a session that goes on counts its start', 'session', { user_id: 'u', started_at: EARLY, ended_at: null }, EARLY],
  ])('%s', (_name, source, row, at) => {
    expect(outcomeOf(source, row)).toEqual({
      kind: 'applied',
      activities: [{ studentId: studentIdOf('u'), userId: 'u', source, at: instant(at) }],
    });
  });

  it('an attempt counts when it was completed, and names the learner by key alone', () => {
    expect(outcomeOf('attempt', { student_id: UUID.toUpperCase(), completed_at: EARLY })).toEqual({
      kind: 'applied',
      activities: [{ studentId: UUID, userId: null, source: 'attempt', at: instant(EARLY) }],
    });
  });

  it('only the columns that decide are asked for', () => {
    expect(neededColumns('exam_results', 'topic')).toEqual(['user_id', 'updated_at', 'created_at']);
    expect(neededColumns('exam_results', 'exam_results')).toEqual([
      'user_id',
      'updated_at',
      'created_at',
      'result_json',
    ]);
    expect(neededColumns('features_topic_daily', 'exam_results')).toEqual(['user_id', 'last_seen_at']);
    expect(neededColumns('attempt', 'topic')).toEqual(['student_id', 'completed_at']);
    expect(neededColumns('session', 'topic')).toEqual(['user_id', 'ended_at', 'started_at']);
  });
});

describe('a row without what is needed', () => {
  it.each<[Source, Row, string]>([
    ['exam_results', { updated_at: LATE, created_at: EARLY }, 'user_id'],
    ['exam_results', { user_id: 'u', created_at: EARLY }, 'updated_at'],
    ['exam_results', { user_id: 'u', updated_at: null }, 'created_at'],
    ['exam_results', { user_id: null, updated_at: null }, 'created_at'],
    ['features_topic_daily', { user_id: 'u' }, 'last_seen_at'],
    ['attempt', { completed_at: EARLY }, 'student_id'],
    ['session', { user_id: 'u', ended_at: null }, 'started_at'],
  ])('of %s %j is a dead letter naming the column', (source, row, column) => {
    expect(outcomeOf(source, row)).toEqual({
      kind: 'deadLetter',
      reason: 'missing_column',
      step: 'activity',
      detail: `no column ${column}`,
    });
  });

  it('whose learner is null is skipped', () => {
    expect(outcomeOf('session', { user_id: null, ended_at: LATE })).toEqual({ kind: 'skipped', reason: 'no_learner' });
  });

  it('whose instant is null is no activity', () => {
    const row = { user_id: 'u', updated_at: null, created_at: null };
    expect(outcomeOf('exam_results', row)).toEqual({ kind: 'skipped', reason: 'no_instant' });
  });
});

describe('a row that can never be applied', () => {
  it.each<[string, Source, Row, string]>([
    ['a number as user id', 'session', { user_id: 7, ended_at: LATE }, 'bad_learner'],
    ['a NUL in the user id', 'session', { user_id: 'a\0b', ended_at: LATE }, 'bad_learner'],
    ['half a surrogate pair in the user id', 'session', { user_id: 'a\ud800', ended_at: LATE }, 'bad_learner'],
    ['an array as user id', 'session', { user_id: { unreadable: 'array' }, ended_at: LATE }, 'bad_learner'],
    ['a student id that is no UUID', 'attempt', { student_id: 'u', completed_at: LATE }, 'bad_learner'],
    ['text that is no time', 'session', { user_id: 'u', ended_at: 'soon' }, 'bad_instant'],
    [
      'a time of day',
      'session',
      { user_id: 'u', ended_at: { unreadable: 'io.debezium.time.MicroTime' } },
      'bad_instant',
    ],
    ['infinity', 'session', { user_id: 'u', ended_at: 'infinity' }, 'instant_in_future'],
    [
      "Debezium's count for infinity",
      'session',
      { user_id: 'u', ended_at: 9_223_371_331_200_000_000n },
      'instant_in_future',
    ],
    ['minus infinity', 'session', { user_id: 'u', ended_at: '-infinity' }, 'instant_too_old'],
    [
      'the last instant of 1999',
      'session',
      { user_id: 'u', ended_at: '1999-12-31T23:59:59.999999Z' },
      'instant_too_old',
    ],
  ])('%s', (_name, source, row, reason) => {
    expect(outcomeOf(source, row)).toMatchObject({ kind: 'deadLetter', reason, step: 'activity' });
  });

  it('tells nothing of the row in its detail', () => {
    const outcome = outcomeOf('session', { user_id: 'secret\0', ended_at: LATE });
    expect(JSON.stringify(outcome)).not.toContain('secret');
  });
});

describe('the clock skew', () => {
  const limit = COMMITTED + POLICY.maxClockSkewUs;
  const ending = (ended_at: Instant) => ({ user_id: 'u', ended_at });

  it("is allowed up to its last microsecond after the record's own commit", () => {
    expect(outcomeOf('session', ending(limit)).kind).toBe('applied');
    expect(outcomeOf('session', ending(limit + 1n))).toMatchObject({ reason: 'instant_in_future' });
  });

  it('is measured from the Kafka timestamp where the record does not say its commit', () => {
    expect(outcomeOf('session', ending(limit), POLICY, null).kind).toBe('applied');
    expect(outcomeOf('session', ending(limit + 1n), POLICY, null)).toMatchObject({ reason: 'instant_in_future' });
  });

  it('lets the first instant of 2000 through', () => {
    expect(outcomeOf('session', ending(946_684_800_000_000n)).kind).toBe('applied');
  });
});

describe('attempts that are only a view over exam results', () => {
  const exam = (result_json: Row[string]) => ({ user_id: 'u', updated_at: LATE, created_at: EARLY, result_json });
  const sourcesOf = (row: Row, policy: ActivityPolicy) => {
    const outcome = outcomeOf('exam_results', row, policy);
    if (outcome.kind !== 'applied') throw new Error(`not applied: ${outcome.reason}`);
    for (const { at, userId } of outcome.activities) expect([at, userId]).toEqual([instant(LATE), 'u']);
    return outcome.activities.map(({ source }) => source);
  };

  it('are made by an exam result with a question, at the same instant', () => {
    expect(sourcesOf(exam('{"questions":[{"id":1}]}'), FROM_EXAMS)).toEqual(['exam_results', 'attempt']);
  });

  it.each<[string, Row[string]]>([
    ['has no question', '{"questions":[]}'],
    ['is null', null],
    ['did not come with the record', undefined],
    ['is no JSON', 'questions'],
    ['is of a type that is not read', { unreadable: 'object' }],
  ])('are not made where the result %s; the exam result counts all the same', (_name, value) => {
    expect(sourcesOf(exam(value), FROM_EXAMS)).toEqual(['exam_results']);
  });

  it('are not made where attempts have a topic of their own', () => {
    expect(sourcesOf(exam('{"questions":[1]}'), POLICY)).toEqual(['exam_results']);
  });
});

it('takes a learner that was read as a UUID for the one whose text it is', () => {
  const read = parseUuid(UUID);
  if (read === undefined) throw new Error('no UUID');
  for (const [source, column] of [
    ['session', 'user_id'],
    ['attempt', 'student_id'],
  ] as const) {
    const row = { [column]: read, ended_at: EARLY, completed_at: EARLY };
    expect(outcomeOf(source, row)).toEqual(outcomeOf(source, { ...row, [column]: UUID }));
  }
  expect(outcomeOf('session', { user_id: 'u', ended_at: new Uuid(1, 2, 3, 4) })).toMatchObject({
    reason: 'bad_instant',
  });
});
