import process from 'node:process';
import { StackError } from '../errors.ts';
import { watchReturn } from './arrival.ts';
import { openDatabases } from './databases.ts';

/**
 * Brings a learner back in a running demo, and prints each result with the milliseconds since the commit. The databases are
 * those of the environment that `--keep` prints. Returns the exit code.
 */
export async function returnLearner(userId: string): Promise<number> {
  const { DATABASE_URL: own, SLOT_DATABASE_URL: source = own } = process.env;
  if (own === undefined || source === undefined) {
    console.error('DATABASE_URL is not set; `npm run demo -- --keep` prints it');
    return 2;
  }
  const databases = openDatabases({ own, source });
  try {
    for await (const { ms, line } of watchReturn(databases, userId)) {
      console.log(`${ms.toFixed(0).padStart(6)} ms  ${line}`);
    }
    return 0;
  } catch (error) {
    console.error(error instanceof Error && (error instanceof StackError || 'code' in error) ? error.message : error);
    return 1;
  } finally {
    await databases.close();
  }
}
