import { z } from 'zod';

/** The part of the gateway's environment that the content rules read. */
export const ruleSettings = {
  ruleTextLimit: z.coerce
    .number()
    .int()
    .positive()
    .default(1024 * 1024)
    .describe(
      'Characters of a chat that content rules examine at most, about 15 ms of one core. Where a rule blocks, longer chats get 413.',
    ),
};
