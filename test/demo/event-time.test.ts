import { expect, test } from 'vitest';
import { formatInstant, parseInstant } from '../../src/activity/instant.ts';
import { placeEvent } from '../../stack/demo/event-time.ts';

const START = parseInstant('2013-10-01') ?? 0n;

test.each([
  [-5, 'content', 1, '2013-09-26T11:35:54.800691Z'],
  [-5, 'session', 1, '2013-09-26T10:10:43.067760Z'],
  [0, 'content', 1, '2013-10-01T18:22:32.868617Z'],
  [0, 'content', 2, '2013-10-01T20:18:49.051645Z'],
  [18, 'exam:1752', 1, '2013-10-19T12:32:51.417066Z'],
])('places day %i, %s, event %i of an enrolment at the instant that OULAD loads agree on', (day, kind, n, expected) => {
  expect(formatInstant(placeEvent('oulad-11391-AAA2013J', START, day, kind, n).at)).toBe(expected);
});

test('places every event on its own date, at 06:00 or later', () => {
  for (let day = -30; day < 300; day += 1) {
    const text = formatInstant(placeEvent('oulad-1-AAA2013J', START, day, 'session').at);
    const date = formatInstant(START + BigInt(day) * 86_400_000_000n).slice(0, 10);
    expect(text.slice(0, 10)).toBe(date);
    expect(Number(text.slice(11, 13))).toBeGreaterThanOrEqual(6);
  }
});
