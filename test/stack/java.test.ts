import { expect, it } from 'vitest';
import { javaMajor } from '../../stack/servers/java.ts';

it.each([
  ['openjdk version "17.0.15" 2025-04-15', 17],
  ['java version "1.8.0_402"', 8],
  ['openjdk version "24-ea" 2025-03-18', 24],
  ['No Java runtime present, requesting install.', undefined],
])('reads the major version of %s', (output, major) => {
  expect(javaMajor(output)).toBe(major);
});
