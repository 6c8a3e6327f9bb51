import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { hasQuestions } from '../../src/activity/questions.ts';

describe('the questions of a result', () => {
  it.each([
    '{"questions": [{"id": 1}]}',
    '{"a": "}\\"]", "b": {"questions": []}, "c": [1, [2], {"d": "]"}], "questions": [1], "e": 2}',
    ' { "score" : -1.5e3 , "ok" : true , "questions" : [ null ] }',
    '{"quest\\u0069ons": [0]}',
  ])('are found in %s', (text) => {
    expect(hasQuestions(text)).toBe(true);
  });

  it.each([
    '',
    'null',
    '[]',
    '[{"questions": [1]}]',
    '"questions"',
    '{}',
    '{"questions": []}',
    '{"questions": [ ]}',
    '{"questions": null}',
    '{"questions": {"0": 1}}',
    '{"questions": "[1]"}',
    '{"result": {"questions": [1]}}',
    '{"note": "\\"questions\\": [1]"}',
    '{"questions"',
    '{"questions": [',
    '{"a": {"b": [1, 2',
    '{"a" 1, "questions": [1]}',
  ])('are not found in %s', (text) => {
    expect(hasQuestions(text)).toBe(false);
  });

  it('are found if and only if JSON.parse finds them', () => {
    const document = fc.dictionary(
      fc.oneof(fc.constant('questions'), fc.string()),
      fc.oneof(fc.constant([]), fc.constant([1]), fc.jsonValue()),
    );
    fc.assert(
      fc.property(document, fc.constantFrom(0, 1), (value, indent) => {
        const own = Object.hasOwn(value, 'questions') ? value['questions'] : undefined;
        expect(hasQuestions(JSON.stringify(value, null, indent))).toBe(Array.isArray(own) && own.length > 0);
      }),
    );
  });
});
