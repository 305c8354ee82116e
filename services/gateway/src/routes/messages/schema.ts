import { z } from 'zod';

const text = z.object({ type: z.literal('text'), text: z.string() });

const image = z.object({
  type: z.literal('image'),
  source: z.discriminatedUnion('type', [
    z.object({
      type: z.literal('base64'),
      media_type: z.enum(['image/jpeg', 'image/png', 'image/gif', 'image/webp']),
      data: z.string().min(1),
    }),
    z.object({ type: z.literal('url'), url: z.url() }),
  ]),
});

const toolUse = z.object({
  type: z.literal('tool_use'),
  id: z.string().min(1),
  name: z.string().min(1),
  input: z.record(z.string(), z.unknown()),
});

/** A plain string is one text block. */
const blocks = <S extends z.ZodType>(block: S, least = 0) =>
  z.preprocess(
    (content) => (typeof content === 'string' ? [{ type: 'text', text: content }] : content),
    z.array(block).min(least).max(1_024),
  );

const toolResult = z.object({
  type: z.literal('tool_result'),
  tool_use_id: z.string().min(1),
  content: blocks(z.discriminatedUnion('type', [text, image])).optional(),
  is_error: z.boolean().optional(),
});

/** What a model thought before, sent back as it came. Engines take none of it. */
const thinking = z.object({ type: z.enum(['thinking', 'redacted_thinking']) });

const message = z.discriminatedUnion('role', [
  z.object({ role: z.literal('user'), content: blocks(z.discriminatedUnion('type', [text, image, toolResult]), 1) }),
  z.object({
    role: z.literal('assistant'),
    content: blocks(z.discriminatedUnion('type', [text, toolUse, thinking]), 1),
  }),
]);

const tool = z.object({
  /** Anthropic's own tools (web search, bash, …) have other types: they run at Anthropic. */
  type: z.literal('custom').nullish(),
  name: z.string().min(1).max(128),
  description: z.string().optional(),
  input_schema: z.looseObject({ type: z.literal('object') }),
});

const parallel = { disable_parallel_tool_use: z.boolean().optional() };
const toolChoice = z.discriminatedUnion('type', [
  z.object({ type: z.literal('auto'), ...parallel }),
  z.object({ type: z.literal('any'), ...parallel }),
  z.object({ type: z.literal('tool'), name: z.string().min(1), ...parallel }),
  z.object({ type: z.literal('none') }),
]);

const prompt = {
  model: z.string().min(1).max(256),
  messages: z.array(message).min(1).max(4_096),
  system: blocks(text).optional(),
  tools: z.array(tool).max(128).optional(),
  tool_choice: toolChoice.optional(),
  thinking: z.looseObject({ type: z.enum(['enabled', 'disabled', 'adaptive']) }).optional(),
  /** Servers and containers run at Anthropic. */
  mcp_servers: z.array(z.unknown()).max(0, 'is not taken here: call the tools yourself').optional(),
  container: z.null('is not taken here').optional(),
};

/** The body of POST /v1/messages/count_tokens. */
export const countSchema = z.object(prompt);

/** The body of POST /v1/messages. What is not named here is ignored. */
export const messagesSchema = z.object({
  ...prompt,
  max_tokens: z.number().int().min(1).max(100_000_000),
  stop_sequences: z.array(z.string().min(1)).max(16).optional(),
  temperature: z.number().min(0).max(1).optional(),
  top_p: z.number().min(0).max(1).optional(),
  top_k: z.number().int().min(0).optional(),
  metadata: z.looseObject({ user_id: z.string().max(512).nullish() }).optional(),
  stream: z.boolean().optional(),
  flotilla: z.unknown().optional(),
});

export type MessagesBody = z.infer<typeof messagesSchema>;
export type Prompt = z.infer<typeof countSchema>;
export type MessageParam = Prompt['messages'][number];
export type UserBlock = Extract<MessageParam, { role: 'user' }>['content'][number];
export type ImageBlock = z.infer<typeof image>;
