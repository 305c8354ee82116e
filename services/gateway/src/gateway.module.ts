import type { DynamicModule } from '@nestjs/common';
import { ApiKeys } from './access/api-keys.ts';
import { Turns } from './chat/turns.ts';
import { ChatSocket } from './routes/chat-socket/chat-socket.ts';

/** The parts that admin rooms will be given: what recognises keys, what runs chats. */
export class GatewayModule {
  static with(parts: { keys: ApiKeys; turns: Turns; socket: ChatSocket }): DynamicModule {
    return {
      module: GatewayModule,
      providers: [
        { provide: ApiKeys, useValue: parts.keys },
        { provide: Turns, useValue: parts.turns },
        { provide: ChatSocket, useValue: parts.socket },
      ],
    };
  }
}
