import { z } from 'zod';

/** A setting that is a whole number above 0: its value where nobody sets it, and what it says. */
export const count = (value: number, text: string) => z.coerce.number().int().positive().default(value).describe(text);

export const milliseconds = (value: number, text: string) => count(value, `Milliseconds. ${text}`);
