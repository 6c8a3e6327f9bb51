import { existsSync } from 'node:fs';
import { join } from 'node:path';

/** Where the OULAD files are looked for: beside the checkout, or where `OULAD_DIR` says. */
export const OULAD = process.env['OULAD_DIR'] ?? join(import.meta.dirname, '../../../shared/oulad');

export const ouladIsThere = existsSync(join(OULAD, 'activity.csv.gz'));
