import { readFileSync } from 'node:fs';
import path from 'node:path';
import { textTasks, type TextTask } from '../classifier.ts';

/** A prompt with what it asks for. */
export interface Sample {
  readonly task: TextTask;
  readonly hard: boolean;
  readonly language: string;
  readonly prompt: string;
}

export interface Corpus {
  /** Two thirds of the lines. */
  readonly training: readonly Sample[];
  /** The other third, whose lines and passages the training has not seen. */
  readonly heldOut: readonly Sample[];
}

interface Line {
  readonly task: TextTask;
  readonly hard: boolean;
  readonly language: string;
  readonly template: string;
}

/** Samples made of a training line whose passage is open. */
const fillings = 3;

/**
 * Reads a folder of `<task>.txt`, one prompt a line: `e` (easy) or `h` (hard), the language, the prompt, in which `\n` is a line
 * feed and `{text}` (English), `{texto}` (other languages) and `{code}` stand for passages of `passages.txt`. A line is held out
 * by the hash of its text, so that adding lines moves no others; `turn` (0 to 2) chooses the third.
 */
export function readCorpus(folder: string, turn = 0): Corpus {
  const isHeldOut = (text: string) => hashOf(text) % 3 === turn;
  const passages = readLines(folder, 'passages').map((line) => ({
    kind: line.slice(0, line.indexOf(' ')),
    text: unescape(line.slice(line.indexOf(' ') + 1)),
  }));
  const samples = (heldOut: boolean): Sample[] => {
    const usable = passages.filter(({ text }) => isHeldOut(text) === heldOut);
    const lines = textTasks.flatMap((task) => readTask(folder, task));
    return lines
      .filter(({ template }) => isHeldOut(template) === heldOut)
      .flatMap((line, at) => fill(line, usable, at, heldOut ? 1 : fillings));
  };
  return { training: samples(false), heldOut: samples(true) };
}

function readTask(folder: string, task: TextTask): Line[] {
  return readLines(folder, task).map((line, at) => {
    const found = /^([eh]) ([a-z]{2}) (.+)$/.exec(line);
    if (!found) throw new Error(`${task}.txt, line ${at + 1}: "<e|h> <language> <prompt>" is expected.`);
    return { task, hard: found[1] === 'h', language: found[2]!, template: found[3]! };
  });
}

function fill(line: Line, passages: readonly { kind: string; text: string }[], at: number, times: number): Sample[] {
  const { task, hard, language, template } = line;
  const open = /\{(texto?|code)\}/.test(template);
  return Array.from({ length: open ? times : 1 }, (_, nth) => {
    let used = at + nth;
    const prompt = template.replaceAll(/\{(texto?|code)\}/g, (_all, kind: string) => {
      const choices = passages.filter((passage) => passage.kind === kind);
      used += 1;
      return choices[used % choices.length]!.text;
    });
    return { task, hard, language, prompt: unescape(prompt) };
  });
}

function readLines(folder: string, name: string): string[] {
  const lines = readFileSync(path.join(folder, `${name}.txt`), 'utf8').split('\n');
  return lines.filter((line) => line.trim() !== '');
}

function unescape(text: string): string {
  return text.replaceAll('\\n', '\n').replaceAll('\\t', '\t');
}

function hashOf(text: string): number {
  let value = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1) value = Math.imul(value ^ text.charCodeAt(at), 0x01000193);
  return ((value ^ (value >>> 13)) >>> 0) % 3_001;
}
