import { describe, expect, it } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { studentIdOf } from '../../src/activity/learner.ts';
import type { InactivityDecision } from '../../src/events/inactivity-decision.ts';
import { inactivityEvent } from '../../src/events/inactivity-event.ts';
import { isOfLearner, type PublishedEvent } from '../../src/events/own-event.ts';
import { eventJson, eventLine, eventsHead } from '../../src/events/tail-page.ts';
import { must } from '../../src/runtime/must.ts';
import { parseOutput } from '../support/machine-format.ts';

const at = (text: string) => must(parseInstant(text), 'an instant');
const position = { topic: 't', partition: 1, offset: '7', publishedAtMs: Date.UTC(2026, 2, 16, 5, 0, 12) };

function silence(userId: string, phase: InactivityDecision['phase'] = 'CROSSED'): PublishedEvent {
  const event = inactivityEvent({
    phase,
    studentId: studentIdOf(userId),
    userId,
    thresholdDays: 7,
    lastSeenAt: at('2026-03-07T10:00:00.5Z'),
    session: at('2026-03-07T10:00:00.5Z'),
    attempt: null,
    exam_results: null,
    features_topic_daily: null,
    asOf: at('2026-03-16T05:00:00Z'),
    reopenings: 0,
    sweepRunId: null,
    detectedAt: at('2026-03-16T05:00:01Z'),
  });
  return { ...position, content: { kind: 'inactivity', event } };
}

const answer = (userId: string): PublishedEvent => ({
  ...position,
  content: {
    kind: 'kpi-updated',
    event: {
      user_id: userId,
      week_start: 20_528,
      as_of: at('2026-03-16T05:00:00Z'),
      P: 0.61234,
      S: 0.5,
      previous_P: null,
      previous_S: 0.25,
      computed: 'P_AND_S',
      cause_event_id: 'c',
      P_low: 0.5,
      P_high: 0.7,
      P_insufficient_data: false,
    },
  },
});
const broken: PublishedEvent = { ...position, content: { kind: 'undecodable', detail: 'not in wire format' } };

describe('a line of an event', () => {
  it('has when it was published, its phase, the learner and the silence', () => {
    expect(eventLine(silence('anna'))).toMatch(
      /^2026-03-16T05:00:12Z {2}CROSSED {3}anna +8 days since 2026-03-07T10:00:00Z \(session\), threshold 7, as of 2026-03-16T05:00:00Z$/,
    );
    expect(eventLine(silence('anna', 'RETURNED'))).toMatch(/ {2}RETURNED {2}anna +back after 8 days since /);
  });

  it('has the figures before and after', () => {
    expect(eventLine(answer('anna'))).toMatch(
      / {2}KPI +anna +P 0\.6123 \(before: –\), S 0\.5000 \(before: 0\.2500\), week of 2026-03-16/,
    );
  });

  it('has its columns under the head', () => {
    const starts = (line: string, ...texts: string[]) => texts.map((text) => line.indexOf(text));
    expect(starts(eventLine(silence('anna')), 'CROSSED', 'anna', '8 days')).toEqual(
      starts(eventsHead(), 'event', 'learner', 'what'),
    );
  });

  it('names the record that cannot be decoded, and cannot control the terminal', () => {
    expect(eventLine(broken)).toContain('t partition 1 offset 7: not in wire format');
    expect(eventLine(silence('a\u001b[2J\nb'))).toContain('a\\u{1b}[2J\\u{a}b');
  });
});

describe('the JSON of an event', () => {
  it('has the position and the fields of the schema, with instants and the week as text', () => {
    expect(parseOutput(eventJson(silence('anna')))).toMatchObject({
      topic: 't',
      partition: 1,
      offset: 7,
      published_at: '2026-03-16T05:00:12.000000Z',
      phase: 'CROSSED',
      user_id: 'anna',
      days_inactive: 8,
      last_seen_at: '2026-03-07T10:00:00.500000Z',
      last_seen_by_source: { session: '2026-03-07T10:00:00.500000Z', attempt: null },
    });
    expect(parseOutput(eventJson(answer('anna')))).toMatchObject({
      P: 0.61234,
      previous_P: null,
      week_start: '2026-03-16',
    });
    expect(parseOutput(eventJson(broken))).toMatchObject({ offset: 7, message: 'not in wire format' });
  });
});

it('an event is of a learner in any spelling of the id', () => {
  const uuid = 'A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11';
  const events = [silence(uuid), answer(uuid.toLowerCase()), silence('anna'), answer('anna '), broken];
  expect(events.map((event) => isOfLearner(uuid.toLowerCase(), event))).toEqual([true, true, false, false, true]);
  expect(events.map((event) => isOfLearner('anna', event))).toEqual([false, false, true, true, true]);
});
