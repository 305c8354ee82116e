import { readChatBody, type ChatBody } from '../../chat/chat-body.ts';
import { readConversationId } from '../../chat/extension.ts';
import { checkObject, checkText } from '../../chat/parameters.ts';
import { invalid, isObject, type JsonObject } from '../../chat/invalid.ts';

/** A body of VANTA's chat: without `model` the router chooses one by the prompt. */
export interface VantaBody {
  readonly model: string | undefined;
  /** The chat, once a model is chosen. */
  withModel(model: string): ChatBody;
}

/**
 * OpenAI's chat body with two liberties: `message`, one text in place of `messages`, and no `model`. `conversation_id`
 * stands at the top. Throws `invalid_request` with the path of the first field that is wrong.
 */
export function readVantaBody(body: unknown): VantaBody {
  if (!isObject(body)) throw invalid('', "The body must be a JSON object with 'message' or 'messages'.");
  const { model, message, conversation_id: id, ...rest } = body;
  const chat = {
    ...rest,
    messages: messagesOf(message, body['messages']),
    flotilla: extensionOf(id, body['flotilla']),
  };
  // What is wrong is told before a model is looked for.
  const read = readChatBody({ ...chat, model: model ?? 'any' });
  return {
    model: model === undefined || model === null ? undefined : read.model,
    withModel: (name) => ({ ...read, model: name }),
  };
}

function messagesOf(message: unknown, messages: unknown): unknown {
  if (message === undefined || message === null) {
    if (messages === undefined) throw invalid('messages', "Missing required parameter: 'message' or 'messages'.");
    return messages;
  }
  if (messages !== undefined) throw invalid('message', "Send 'message' or 'messages', not both.");
  checkText(message, 'message');
  return [{ role: 'user', content: message }];
}

function extensionOf(id: unknown, extension: unknown): unknown {
  if (id === undefined || id === null) return extension;
  const conversation = { conversation_id: readConversationId(id, 'conversation_id') };
  if (extension === undefined || extension === null) return conversation;
  checkObject(extension, 'flotilla');
  return { ...(extension as JsonObject), ...conversation };
}
