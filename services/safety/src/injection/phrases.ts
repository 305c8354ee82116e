import type { RuleInfo } from '../rule-pack.ts';
import { phrase, type Phrase } from './phrase.ts';

const info = (id: string, what: string): RuleInfo => ({
  id: `prompt_injection.${id}`,
  category: 'prompt_injection',
  message: `The prompt was refused by a safety rule: ${what}`,
});

export const override = info('override', 'it asks the model to drop its instructions.');
export const reveal = info('reveal', 'it asks for the hidden instructions of the model.');
export const persona = info('persona', 'it asks the model to act without its rules.');
export const smuggling = info('smuggling', 'it contains control tokens of a chat template.');

/** Attacks as sequences of parts of the lexicon. */
export const phrases: readonly Phrase[] = [
  // ignore (all) previous instructions; ignore the instructions above; stop following your guidelines
  phrase(override, 'drop ..4 prior ..3 rules', { next: 'of' }),
  phrase(override, 'drop ..4 rules ..2 prior', { next: 'of' }),
  phrase(override, 'drop ..2 all ..2 rules', { next: 'of' }),
  phrase(override, 'drop ..1 your ..1 rules', { before: 'someone', next: 'of' }),
  phrase(override, 'drop ..2 everything ..5 above', { next: 'of' }),
  phrase(override, 'drop ..1 your ..1 limits', { before: 'someone', next: 'of' }),
  phrase(override, 'drop ..4 authority ..1 above', { before: 'someone' }),
  phrase(override, 'drop ..1 above ..0 and', { before: 'someone' }),
  phrase(override, 'stop ..0 follow ..4 prior ..3 rules', { before: 'someone', next: 'of' }),
  // reveal your system prompt; what are your initial instructions; repeat the hidden instructions
  phrase(reveal, 'show ..4 your ..2 secret ..2 systemPrompt', { between: 'how' }),
  phrase(reveal, 'show ..4 your ..3 prompt ..2 secret', { between: 'how', next: 'of' }),
  phrase(reveal, 'show ..3 your ..0 prompt', { between: 'how', next: 'of' }),
  phrase(reveal, 'what ..1 be ..1 your ..2 secret ..1 systemPrompt', { next: 'of' }),
  phrase(reveal, 'what ..1 be ..1 your ..1 prompt ..2 secret', { next: 'of' }),
  phrase(reveal, 'showStrongly ..3 secret ..1 systemPrompt', { between: 'how', next: 'of' }),
  phrase(reveal, 'show ..3 secret ..1 systemPrompt ..1 you ..1 given', { between: 'how' }),
  phrase(reveal, 'show ..2 prompt ..1 you ..1 given', { between: 'how', next: 'of' }),
  phrase(reveal, 'show ..2 prompt ..3 given ..1 you', { between: 'how' }),
  phrase(reveal, 'showStrongly ..3 everything ..2 above', { next: 'of' }),
  // you are now DAN; do anything now; developer mode; no restrictions; no longer bound
  phrase(persona, 'become ..4 dan'),
  phrase(persona, 'can ..0 do ..0 anything ..0 now', { before: 'someone', next: 'of someone' }),
  phrase(persona, 'dan ..4 do ..0 anything ..0 now'),
  phrase(persona, 'you ..6 modeKind ..0 mode', { before: 'asked', between: 'how' }),
  phrase(persona, 'you ..1 are ..6 no ..3 limits', { before: 'someone asked', next: 'of' }),
  phrase(persona, 'play ..6 no ..3 limits', { before: 'someone asked', next: 'of' }),
  phrase(persona, 'answer ..6 no ..3 limits', { before: 'someone asked', next: 'of' }),
  phrase(persona, 'are ..1 longer ..2 bound', { before: 'someone' }),
  phrase(persona, 'you ..1 are ..5 unfiltered ..3 model', { before: 'someone asked' }),
];

/** Languages written without spaces, and template tokens. Every quantifier is bounded: the scan stays linear. */
export const patterns: readonly { readonly rule: RuleInfo; readonly pattern: RegExp }[] = [
  {
    rule: override,
    pattern:
      /(?:忽略|无视|無視|忘记|忘記|忽視|不要理会).{0,8}(?:之前|以上|上面|上述|先前|前面|所有|一切|你的|此前).{0,8}(?:指令|指示|规则|規則|提示|命令|设定|要求)/u,
  },
  {
    rule: override,
    pattern:
      /(?:これまで|以前|上記|前|すべて|全て|今まで).{0,8}(?:指示|命令|ルール|プロンプト|指令).{0,6}(?:無視|忘れ)/u,
  },
  { rule: override, pattern: /(?:이전|위의|모든|지금까지).{0,10}(?:지시|명령|규칙|프롬프트).{0,8}(?:무시|잊)/u },
  {
    rule: reveal,
    pattern:
      /(?:显示|顯示|告诉我|告訴我|输出|泄露|打印|重复).{0,6}你的.{0,6}(?:系统提示|系統提示|系统指令|系统消息|初始指令|提示词)/u,
  },
  { rule: smuggling, pattern: /<\|(?:im_start\|>\s?|start_header_id\|>\s?)?(?:system|developer)\b|<<SYS>>/ },
];
export const UNSPACED_SCRIPT = /[\u3040-\u30ff\u3400-\u9fff\uac00-\ud7af]/;
