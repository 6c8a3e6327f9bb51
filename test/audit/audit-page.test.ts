import { expect, it } from 'vitest';
import type { StudentId } from '../../src/activity/activity.ts';
import { writeSamples } from '../../src/audit/audit-page.ts';
import type { AuditOutcome } from '../../src/audit/pipeline.ts';

it('writes the shown differences as CSV', () => {
  const written: Buffer[] = [];
  const samples = [
    { studentId: 's-1' as StudentId, field: 'session', comparison: 'behind', stored: 0n, expected: 1n },
    { studentId: 's-2' as StudentId, field: 'user_id', comparison: 'missing', stored: null, expected: '=anna' },
  ] as const;
  writeSamples({ write: (bytes) => written.push(bytes) }, { samples } as unknown as AuditOutcome);
  expect(Buffer.concat(written).toString().split('\r\n')).toEqual([
    'student_id,field,comparison,table,sources',
    's-1,session,behind,1970-01-01T00:00:00.000000Z,1970-01-01T00:00:00.000001Z',
    "s-2,user_id,missing,,'=anna",
    '',
  ]);
});
