/** The complete lines of a text that comes in pieces. One longer than `most` characters throws; a last one without its end is left out. */
export async function* linesOf(pieces: AsyncIterable<string>, most: number): AsyncIterable<string> {
  let rest = '';
  for await (const piece of pieces) {
    let from = 0;
    for (let end = piece.indexOf('\n'); end >= 0; end = piece.indexOf('\n', from)) {
      yield rest + piece.slice(from, end);
      rest = '';
      from = end + 1;
    }
    rest += piece.slice(from);
    if (rest.length > most) throw new Error(`a line of more than ${most} characters`);
  }
}
