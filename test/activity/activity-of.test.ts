import { describe, expect, it } from 'vitest';
import type { Row } from '../../src/activity/activity.ts';
import { type ActivityPolicy, neededColumns } from '../../src/activity/activity-of.ts';
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
  if (parsed === undefined) throw new Error(`not an instant: ${text}`);
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
      'an exam result counts at its updated_at',
      'exam_results',
      { user_id: 'u', updated_at: LATE, created_at: EARLY },
      LATE,
    ],
    [
      'an exam result without updated_at counts at its created_at',
      'exam_results',
      { user_id: 'u', updated_at: null, created_at: EARLY },
      EARLY,
    ],
    ['an exam result with updated_at needs no created_at', 'exam_results', { user_id: 'u', updated_at: LATE }, LATE],
    [
      'a feature row counts at its last_seen_at',
      'features_topic_daily',
      { user_id: 'u', last_seen_at: EARLY, date: 20_528, computed_at: LATE },
      EARLY,
    ],
    ['an ended session counts at its ended_at', 'session', { user_id: 'u', started_at: EARLY, ended_at: LATE }, LATE],
    ['an open session counts at its started_at', 'session', { user_id: 'u', started_at: EARLY, ended_at: null }, EARLY],
  ])('%s', (_name, source, row, at) => {
    expect(outcomeOf(source, row)).toEqual({
      kind: 'applied',
      activities: [{ studentId: studentIdOf('u'), userId: 'u', source, at: instant(at) }],
    });
  });

  it('an attempt counts at its completed_at, and has only the key of the learner', () => {
    expect(outcomeOf('attempt', { student_id: UUID.toUpperCase(), completed_at: EARLY })).toEqual({
      kind: 'applied',
      activities: [{ studentId: UUID, userId: null, source: 'attempt', at: instant(EARLY) }],
    });
  });

  it('needs only the columns of the learner and the instant, and of the questions', () => {
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

describe('a row with a missing value', () => {
  it.each<[Source, Row, string]>([
    ['exam_results', { updated_at: LATE, created_at: EARLY }, 'user_id'],
    ['exam_results', { user_id: 'u', created_at: EARLY }, 'updated_at'],
    ['exam_results', { user_id: 'u', updated_at: null }, 'created_at'],
    ['exam_results', { user_id: null, updated_at: null }, 'created_at'],
    ['features_topic_daily', { user_id: 'u' }, 'last_seen_at'],
    ['attempt', { completed_at: EARLY }, 'student_id'],
    ['session', { user_id: 'u', ended_at: null }, 'started_at'],
  ])('%s %j is a dead letter with the name of the column', (source, row, column) => {
    expect(outcomeOf(source, row)).toEqual({
      kind: 'deadLetter',
      reason: 'missing_column',
      step: 'activity',
      detail: `no column ${column}`,
    });
  });

  it('is skipped if its learner is null', () => {
    const noLearner = { kind: 'skipped', reason: 'no_learner' };
    expect(outcomeOf('session', { user_id: null, ended_at: LATE })).toEqual(noLearner);
    expect(outcomeOf('session', { user_id: '', ended_at: LATE })).toEqual(noLearner);
  });

  it('is skipped if its instants are null', () => {
    const row = { user_id: 'u', updated_at: null, created_at: null };
    expect(outcomeOf('exam_results', row)).toEqual({ kind: 'skipped', reason: 'no_instant' });
  });
});

describe('a row that can never be applied', () => {
  it.each<[string, Source, Row, string]>([
    ['a number as user id', 'session', { user_id: 7, ended_at: LATE }, 'bad_learner'],
    ['a NUL in the user id', 'session', { user_id: 'a\0b', ended_at: LATE }, 'bad_learner'],
    ['a lone surrogate in the user id', 'session', { user_id: 'a\ud800', ended_at: LATE }, 'bad_learner'],
    ['an array as user id', 'session', { user_id: { unreadable: 'array' }, ended_at: LATE }, 'bad_learner'],
    ['a student id that is not a UUID', 'attempt', { student_id: 'u', completed_at: LATE }, 'bad_learner'],
    ['text that is not a time', 'session', { user_id: 'u', ended_at: 'soon' }, 'bad_instant'],
    [
      'a time of day',
      'session',
      { user_id: 'u', ended_at: { unreadable: 'io.debezium.time.MicroTime' } },
      'bad_instant',
    ],
    ['infinity', 'session', { user_id: 'u', ended_at: 'infinity' }, 'instant_in_future'],
    [
      "Debezium's integer for infinity",
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

  it('has no values of the row in its detail', () => {
    const outcome = outcomeOf('session', { user_id: 'secret\0', ended_at: LATE });
    expect(JSON.stringify(outcome)).not.toContain('secret');
  });
});

describe('the allowed clock skew', () => {
  const limit = COMMITTED + POLICY.maxClockSkewUs;
  const ending = (ended_at: Instant) => ({ user_id: 'u', ended_at });

  it("is measured from the record's own commit and includes its last microsecond", () => {
    expect(outcomeOf('session', ending(limit)).kind).toBe('applied');
    expect(outcomeOf('session', ending(limit + 1n))).toMatchObject({ reason: 'instant_in_future' });
  });

  it('is measured from the Kafka timestamp if the record has no commit time', () => {
    expect(outcomeOf('session', ending(limit), POLICY, null).kind).toBe('applied');
    expect(outcomeOf('session', ending(limit + 1n), POLICY, null)).toMatchObject({ reason: 'instant_in_future' });
  });

  it('does not matter for the first instant of 2000, which is applied', () => {
    expect(outcomeOf('session', ending(946_684_800_000_000n)).kind).toBe('applied');
  });
});

describe('attempts as a view of exam results', () => {
  const exam = (result_json: Row[string]) => ({ user_id: 'u', updated_at: LATE, created_at: EARLY, result_json });
  const sourcesOf = (row: Row, policy: ActivityPolicy) => {
    const outcome = outcomeOf('exam_results', row, policy);
    if (outcome.kind !== 'applied') throw new Error(`not applied: ${outcome.reason}`);
    for (const { at, userId } of outcome.activities) expect([at, userId]).toEqual([instant(LATE), 'u']);
    return outcome.activities.map(({ source }) => source);
  };

  it('come from an exam result with a question, at the same instant', () => {
    expect(sourcesOf(exam('{"questions":[{"id":1}]}'), FROM_EXAMS)).toEqual(['exam_results', 'attempt']);
  });

  it.each<[string, Row[string]]>([
    ['has no question', '{"questions":[]}'],
    ['is null', null],
    ['is absent in the record', undefined],
    ['is not JSON', 'questions'],
    ['has an unreadable type', { unreadable: 'object' }],
  ])('do not come from a result that %s; the exam result still counts', (_name, value) => {
    expect(sourcesOf(exam(value), FROM_EXAMS)).toEqual(['exam_results']);
  });

  it('do not come from exam results if attempts have their own topic', () => {
    expect(sourcesOf(exam('{"questions":[1]}'), POLICY)).toEqual(['exam_results']);
  });
});

it('gives the same outcome for a UUID as for its text', () => {
  const read = parseUuid(UUID);
  if (read === undefined) throw new Error('not a UUID');
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
