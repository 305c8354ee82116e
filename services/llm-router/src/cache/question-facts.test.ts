import { describe, expect, it } from '@jest/globals';
import { questionFacts } from './question-facts.ts';

const differ = (one: string, other: string) => questionFacts(one) !== questionFacts(other);

describe('questions that may share an answer', () => {
  it.each([
    ['How do I reset my password?', 'how can I reset my password'],
    ['How do I reset my password?', 'Please, how do I change my password?'],
    ['What is the capital of France?', 'what’s the capital of France'],
    ['What is the refund policy for annual plans?', 'What is your refund policy for the annual plans?'],
    ['Explain recursion to a child', 'Explain recursion simply to a child'],
  ])('%s | %s', (one, other) => {
    expect(differ(one, other)).toBe(false);
  });
});

describe('questions that look alike and do not', () => {
  it.each([
    ['numbers', 'What is 17 plus 25?', 'What is 17 plus 26?'],
    ['the order of numbers', 'What is 9 minus 4?', 'What is 4 minus 9?'],
    ['signs', 'What is the root of 4?', 'What is the root of -4?'],
    ['years', 'Who won the cup in 2022?', 'Who won the cup in 2018?'],
    ['versions', 'What is new in Node v24.1?', 'What is new in Node v24.2?'],
    ['identifiers', 'What does --max-cost do?', 'What does --max-heads do?'],
    ['negations', 'Is it safe to eat raw eggs?', 'Is it not safe to eat raw eggs?'],
    ['short negations', 'Why is it charging?', "Why isn't it charging?"],
    ['opposites', 'How do I enable dark mode?', 'How do I disable dark mode?'],
    ['on and off', 'How to turn on dark mode?', 'How to turn off dark mode?'],
    ['extremes', 'What is the highest mountain?', 'What is the lowest mountain?'],
    ['what is asked', 'When was the company founded?', 'Where was the company founded?'],
    ['names', 'Tell me of the president of Chile', 'Tell me of the president of Peru'],
    ['names at the beginning', 'Paris has how many people?', 'London has how many people?'],
    ['names without capitals', 'what is the capital of france', 'what is the capital of finland'],
    ['directions', 'How far is it from Paris to London?', 'How far is it from London to Paris?'],
    ['directions without capitals', 'convert celsius to fahrenheit', 'convert fahrenheit to celsius'],
    ['comparisons', 'Is tea stronger than coffee?', 'Is coffee stronger than tea?'],
    ['quotations', 'What does "carpe diem" mean?', 'What does "carpe noctem" mean?'],
    ['code', 'What does `a && b` say?', 'What does `a || b` say?'],
    ['languages', 'How do I reset my password?', 'Wie setze ich mein Passwort zurück?'],
    ['tasks', 'Summarise my notes', 'Translate my notes'],
    ['material after a colon', 'Correct this: he go home', 'Correct this: he go away'],
    ['material on further lines', 'Summarise\nthe meeting moved to noon', 'Summarise\nthe meeting moved to dusk'],
    ['scripts without capitals', '法国的首都是哪里？', '芬兰的首都是哪里？'],
    ['quantities', 'Which of them are all free?', 'Which of them are some free?'],
  ])('%s', (_, one, other) => {
    expect(differ(one, other)).toBe(true);
  });
});
