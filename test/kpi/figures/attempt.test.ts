import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type AttemptRow, attemptOfRow, attemptsOfExam } from '../../../src/kpi/figures/attempt.ts';
import { metricsPolicy } from '../../../src/kpi/figures/policy.ts';
import { at } from './answers.ts';

const standard = metricsPolicy('standard');
const legacy = metricsPolicy('legacy');
const AT = at('2026-03-10T12:00:00.000001Z');

const read = (resultJson: string | null, policy = standard) =>
  attemptsOfExam({ resultJson, at: AT, session: 'exam-1' }, policy);
const readAll = (elements: string[], policy = standard) => read(`{"questions": [${elements.join(', ')}]}`, policy);
/** The single attempt of an element with an id and `more`, JSON. */
const one = (more: string, policy = standard) => readAll([`{"question_id": 1, ${more}}`], policy).attempts[0];
const items = (...ids: string[]) => readAll(ids.map((id) => `{"question_id": ${id}}`)).attempts.map(({ item }) => item);

describe('an element of an exam’s questions', () => {
  const full =
    '{"question_id": "q-1", "topic": "fractions", "is_correct": true, "time_spent_sec": 12.5, "used_hints": 2}';

  it('is an attempt at the exam’s time, in its session', () => {
    expect(readAll([full])).toEqual({
      attempts: [
        {
          item: 'q-1',
          topic: 'fractions',
          at: AT,
          session: 'exam-1',
          correct: true,
          timeMs: 12_500,
          hints: 2,
          dwellSeconds: 12.5,
        },
      ],
      malformed: 0,
    });
  });

  it('with only an id leaves the rest unknown, or in the legacy profile wrong, 0 ms and without hints', () => {
    const bare = { item: '1', topic: null, at: AT, session: 'exam-1', dwellSeconds: null };
    expect(readAll(['{"question_id": 1}']).attempts).toEqual([{ ...bare, correct: null, timeMs: null, hints: null }]);
    expect(readAll(['{"question_id": 1}'], legacy).attempts).toEqual([
      { ...bare, correct: false, timeMs: 0, hints: 0 },
    ]);
  });

  it('without an id, with null or with an empty one is not an attempt and not malformed', () => {
    expect(readAll(['{}', '{"question_id": null}', '{"question_id": ""}', '{"id": 1}'])).toEqual({
      attempts: [],
      malformed: 0,
    });
  });

  it('that is not an object, or whose id is neither text nor number, is left out and counted', () => {
    const { attempts, malformed } = readAll([
      'null',
      '1',
      '"text"',
      '[{"question_id": 1}]',
      'true',
      full,
      '{"question_id": {}}',
      '{"question_id": [1]}',
      '{"question_id": true}',
    ]);
    expect(attempts).toHaveLength(1);
    expect(malformed).toBe(8);
  });
});

describe('an item', () => {
  it('is the same with leading zeros if its whole text is digits', () => {
    expect(items('7', '"7"', '"007"', '"0"', '"000"', '0')).toEqual(['7', '7', '7', '0', '0', '0']);
  });

  it('is a different one with leading zeros if its text is not all digits', () => {
    expect(items('"007a"', '"07.0"', '7.0', '"-07"', '-7', '" 7"', '"٠٧"')).toEqual([
      '007a',
      '07.0',
      '7.0',
      '-07',
      '-7',
      ' 7',
      '٠٧',
    ]);
  });

  it('may be a UUID or more digits than a double holds', () => {
    expect(
      items('"0e984725-c51c-4bf4-9960-e1c80e27aba0"', '9007199254740993', '"00009007199254740993"', '1e21'),
    ).toEqual(['0e984725-c51c-4bf4-9960-e1c80e27aba0', '9007199254740993', '9007199254740993', '1e21']);
  });
});

describe('a topic', () => {
  it.each([
    ['"fractions"', 'fractions'],
    ['" "', ' '],
    ['12', '12'],
    ['""', null],
    ['null', null],
    ['{"id": 1}', null],
  ])('written %s is read as %s', (json, topic) => {
    expect(one(`"topic": ${json}`)?.topic).toBe(topic);
  });
});

describe('whether an answer was correct', () => {
  const right = [
    'true',
    '1',
    '1.0',
    '"t"',
    '"tr"',
    '"tru"',
    '"TRUE"',
    '"y"',
    '"ye"',
    '"Yes"',
    '"on"',
    '"1"',
    '" \\t1\\n"',
  ];
  const wrong = [
    'false',
    '0',
    '"f"',
    '"fa"',
    '"fal"',
    '"fals"',
    '"False"',
    '"n"',
    '"no"',
    '"of"',
    '"OFF"',
    '"0"',
    '" f "',
  ];
  const unreadable = ['null', '2', '-1', '0.5', '"o"', '"yess"', '"10"', '""', '"NaN"', '"wahr"', '[]', '[true]', '{}'];

  it.each(right)('is yes for %s', (json) => {
    expect(one(`"is_correct": ${json}`)?.correct).toBe(true);
    expect(one(`"correct": ${json}`, legacy)?.correct).toBe(true);
  });

  it.each(wrong)('is no for %s', (json) => {
    expect(one(`"is_correct": ${json}`)?.correct).toBe(false);
    expect(one(`"correct": ${json}`, legacy)?.correct).toBe(false);
  });

  it.each(unreadable)('is unknown for %s, or no in the legacy profile', (json) => {
    expect(one(`"is_correct": ${json}`)?.correct).toBeNull();
    expect(one(`"is_correct": ${json}`, legacy)?.correct).toBe(false);
  });

  it('is read from is_correct, and from correct if that is unreadable', () => {
    expect(one('"correct": true, "is_correct": false')?.correct).toBe(false);
    expect(one('"is_correct": null, "correct": 1')?.correct).toBe(true);
    expect(one('"is_correct": "?", "correct": "t"', legacy)?.correct).toBe(true);
  });
});

describe('the time of an answer in milliseconds', () => {
  it.each([
    ['12', 12_000],
    ['12.5', 12_500],
    ['"12.5"', 12_500],
    // 1000.5 rounds away from zero; as doubles 1.0005 · 1000 is 1000.4999999999999
    ['1.0005', 1001],
    ['"1.0005"', 1001],
    ['-1.0005', -1001],
    ['"-0.0005"', -1],
    ['-0.0004', 0],
    ['1.0015', 1002],
    ['4.0355', 4036],
    ['0.0005', 1],
    ['5e-4', 1],
    ['4.9e-4', 0],
    ['1.0005e0', 1001],
    ['"1E3"', 1_000_000],
    ['" +.5 "', 500],
    ['"7."', 7000],
    ['"000012.5000"', 12_500],
    ['1e-400', 0],
    ['"1e-99999999999"', 0],
    ['"0e999999"', 0],
    // 2⁵³ + 1 seconds, to the nearest double
    ['9007199254740993', Number('9007199254740993000')],
    // Below a half by less than a double can express
    [`0.0004${'9'.repeat(20)}`, 0],
    [`"-0.0004${'9'.repeat(20)}"`, 0],
    [`"4${'9'.repeat(20)}e-24"`, 0],
    [`1.0004${'9'.repeat(30)}`, 1000],
    [`1.0005${'0'.repeat(30)}`, 1001],
    [`1.0005${'0'.repeat(30)}1`, 1001],
    ['123456789012345678901234567890', Number('123456789012345678901234567890000')],
  ])('for %s seconds is %d', (json, ms) => {
    expect(one(`"time_spent_sec": ${json}`)?.timeMs).toBe(ms);
    expect(one(`"time_spent_sec": ${json}`, legacy)?.timeMs).toBe(ms);
  });

  it.each([
    'null',
    'true',
    '""',
    '" "',
    '"."',
    '"-"',
    '"e5"',
    '"1e"',
    '"NaN"',
    '"Infinity"',
    '"0x10"',
    '"1_000"',
    '"12s"',
    '"1,5"',
    '1e400',
    '"1e308"',
    '[12]',
    '{}',
  ])('is unknown for %s, or 0 in the legacy profile', (json) => {
    expect(one(`"time_spent_sec": ${json}`)).toMatchObject({ timeMs: null, dwellSeconds: null });
    expect(one(`"time_spent_sec": ${json}`, legacy)).toMatchObject({ timeMs: 0, dwellSeconds: null });
  });

  it('is a thousand times its decimal digits, rounded, for any decimal of 15 digits', () => {
    // A double has all of 15 digits.
    const digits = fc.bigInt({ min: 0n, max: 10n ** 15n - 1n });
    fc.assert(
      fc.property(digits, fc.integer({ min: 0, max: 15 }), fc.boolean(), (value, places, quoted) => {
        const text = String(value).padStart(places + 1, '0');
        const decimal = places === 0 ? text : `${text.slice(0, -places)}.${text.slice(-places)}`;
        const scale = 10n ** BigInt(places);
        const expected = Number((value * 2000n + scale) / (2n * scale)); // half up, as all are positive
        expect(one(`"time_spent_sec": ${quoted ? `"${decimal}"` : decimal}`)?.timeMs).toBe(expected);
      }),
    );
  });

  it('does not round the seconds of the dwell', () => {
    expect(one('"time_spent_sec": "1.0005"')?.dwellSeconds).toBe(1.0005);
  });
});

describe('the hints of an answer', () => {
  it.each([
    ['0', 0, 0],
    ['3', 3, 1],
    ['0.5', 0.5, 1],
    ['-1', -1, 0],
    ['true', 1, 1],
    ['false', 0, 0],
    ['"2"', 2, 1],
    ['null', null, 0],
    ['"NaN"', null, 0],
    ['"many"', null, 0],
    ['1e400', null, 0],
    ['[]', null, 0],
  ])('written %s are %s, or %d in the legacy profile', (json, count, usedOrNot) => {
    expect(one(`"used_hints": ${json}`)?.hints).toBe(count);
    expect(one(`"used_hints": ${json}`, legacy)?.hints).toBe(usedOrNot);
  });
});

describe('an exam’s result', () => {
  it.each([
    null,
    'null',
    '[]',
    '"questions"',
    '3',
    '{}',
    '{"questions": null}',
    '{"questions": {"0": {"question_id": 1}}}',
    '{"questions": "[{\\"question_id\\": 1}]"}',
    '{"questions": []}',
  ])('%s has no attempts', (json) => {
    expect(read(json)).toEqual({ attempts: [], malformed: 0 });
  });

  it.each(['', '{', '{"questions": [{"question_id": 1, "time_spent_sec": NaN}]}', `${'['.repeat(100_000)}`])(
    'that is not JSON has no attempts and counts as malformed (%#)',
    (json) => {
      expect(read(json)).toEqual({ attempts: [], malformed: 1 });
    },
  );

  it('with 200,000 questions is read completely', () => {
    const elements = Array.from(
      { length: 200_000 },
      (_, index) => `{"question_id": ${index}, "correct": ${index % 2}}`,
    );
    const { attempts, malformed } = readAll(elements);
    expect(attempts).toHaveLength(200_000);
    expect(attempts.at(-1)).toMatchObject({ item: '199999', correct: true });
    expect(malformed).toBe(0);
  });

  it('never throws, for any JSON', () => {
    const questions = fc.array(
      fc.oneof(
        fc.jsonValue(),
        fc.record({
          question_id: fc.jsonValue(),
          topic: fc.jsonValue(),
          is_correct: fc.jsonValue(),
          time_spent_sec: fc.jsonValue(),
          used_hints: fc.jsonValue(),
        }),
      ),
    );
    fc.assert(
      fc.property(
        fc.oneof(fc.jsonValue(), fc.record({ questions })),
        fc.constantFrom(standard, legacy),
        (json, policy) => {
          const { attempts } = read(JSON.stringify(json), policy);
          for (const { timeMs, hints, dwellSeconds } of attempts) {
            for (const value of [timeMs, hints, dwellSeconds]) expect(value ?? 0).toSatisfy(Number.isFinite);
          }
        },
      ),
    );
  });
});

describe('a row of the captured attempt table', () => {
  const row: AttemptRow = {
    item_id: 7n,
    topic_id: 'fractions',
    correct: true,
    response_time_ms: 1500,
    hint_used: true,
    session_id: 'exam-1',
    completed_at: AT,
  };

  it('is an attempt at the same item as an exam’s', () => {
    expect(attemptOfRow(row)).toEqual({
      item: '7',
      topic: 'fractions',
      at: AT,
      session: 'exam-1',
      correct: true,
      timeMs: 1500,
      hints: 1,
      dwellSeconds: 1.5,
    });
  });

  it('keeps its nulls as unknown', () => {
    const bare = { ...row, topic_id: '', correct: null, response_time_ms: null, hint_used: null, session_id: null };
    expect(attemptOfRow(bare)).toEqual({
      item: '7',
      topic: null,
      at: AT,
      session: null,
      correct: null,
      timeMs: null,
      hints: null,
      dwellSeconds: null,
    });
  });
});
