import { expect, test } from 'vitest';
import { parseInstant } from '../../src/activity/instant.ts';
import { must } from '../../src/runtime/must.ts';
import { tour, tourPage } from '../../stack/demo/tour.ts';

const AS_OF = must(parseInstant('2026-03-18T05:00:00Z'), 'an instant');

test('the tour has six commands with the as-of of the demo, and one brings the learner back', () => {
  const page = tourPage(tour({ asOf: AS_OF, userId: 'anna' }));
  expect(page.match(/^ {3}npm run /gm)).toHaveLength(6);
  expect(page).toContain('npm run lastseen -- explain anna --as-of 2026-03-18T05:00:00Z');
  expect(page).toContain('sweep --dry-run --as-of 2026-03-19T05:00:00Z');
  expect(page).toContain('npm run demo -- return anna');
});

test('a user id that a shell would change is quoted', () => {
  expect(tourPage(tour({ asOf: AS_OF, userId: "o'neil $HOME" }))).toContain(`return 'o'\\''neil $HOME'`);
});
