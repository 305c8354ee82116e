const terminal = /[.!?…。！？]/g;
const wide = '。！？';
/** What may follow the end of a sentence and still belongs to it. */
const closers = '.!?…。！？"\'”’)]」』）';

/**
 * The sentences of a line; together they are the line. One ends with its mark and what closes it, before a blank or, in scripts
 * without blanks, anywhere. One pass, however the line is made: a regular expression that looks back takes quadratic time on quotes.
 */
export function* sentencesOf(line: string): Generator<string> {
  let start = 0;
  let end = 0;
  for (;;) {
    terminal.lastIndex = end;
    const mark = terminal.exec(line);
    if (!mark) break;
    end = mark.index + 1;
    while (end < line.length && closers.includes(line[end]!)) end += 1;
    if (end === line.length) break;
    if (wide.includes(mark[0]) || /\s/.test(line[end]!)) {
      yield line.slice(start, end);
      start = end;
    }
  }
  yield line.slice(start);
}
