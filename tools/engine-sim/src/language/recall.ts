/**
 * Answers from what the user said earlier, so that a history that was carried along can be seen to work: the question
 * before this one, and any "my X is Y" when asked for X. Undefined when the question is not of that kind.
 */
export function recall(question: string, earlier: readonly string[]): string | undefined {
  if (/\bwhat (?:did|was) (?:i|my)\b.*\b(?:ask|asked|say|said|question|message)\b/i.test(question)) {
    const last = earlier.at(-1);
    return last === undefined ? 'You have not asked me anything before this.' : `Before this you said: "${last}"`;
  }
  const asked =
    /\b(?:what(?:'s| is| was| are)|who is|tell me|(?:do you )?(?:know|remember)) my ([\p{L} ]{2,40}?)[?.!]*$/iu.exec(
      question.trim(),
    );
  if (!asked) return undefined;
  const thing = asked[1]!.trim().toLowerCase();
  for (const text of [...earlier].reverse()) {
    const value = statedValue(thing, text);
    if (value) return `Your ${thing} is ${value}.`;
  }
  return `You have not told me your ${thing}.`;
}

function statedValue(thing: string, text: string): string | undefined {
  const stated = new RegExp(String.raw`\bmy ${thing} (?:is|are|was) ([^.!?,;\n]{1,80})`, 'i').exec(text);
  if (stated) return stated[1]!.trim();
  if (thing !== 'name') return undefined;
  return /\b(?:call me|i am called|i'm called) ([\p{L}\p{N}' -]{1,40})/iu.exec(text)?.[1]?.trim();
}
