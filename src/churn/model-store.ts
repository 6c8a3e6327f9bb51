import { readFileSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { safeMessage, usageError } from '../runtime/errors.ts';
import { type ChurnModel, modelText, parseModel } from './model/model.ts';

/** @throws LastseenError `usage` with one line */
export function readModel(path: string): ChurnModel {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw usageError(`the model cannot be read: ${(error as Error).message}`);
  }
  try {
    return parseModel(text);
  } catch (error) {
    throw usageError(`${path} cannot be used: ${safeMessage(error)}`);
  }
}

/** @throws LastseenError `usage` */
export async function writeModel(path: string, model: ChurnModel): Promise<void> {
  await writeFile(path, `${modelText(model, 1)}\n`).catch((error: Error) => {
    throw usageError(`the model cannot be written: ${error.message}`);
  });
}
