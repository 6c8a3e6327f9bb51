import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** The directory of the OULAD files: `OULAD_DIR`, or one beside the checkout. */
export const OULAD = process.env['OULAD_DIR'] ?? join(import.meta.dirname, '../../../shared/oulad');

export const ouladIsThere = existsSync(join(OULAD, 'activity.csv.gz'));
