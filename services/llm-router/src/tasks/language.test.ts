import { expect, it } from '@jest/globals';
import { languageOf } from './language.ts';

it.each([
  ['Write a poem about the sea for my friend', 'en'],
  ['Schreibe mir bitte ein Gedicht über das Meer', 'de'],
  ['Écris un poème sur la mer pour mon ami', 'fr'],
  ['Escribe un poema sobre el mar para mi amigo', 'es'],
  ['Scrivi una poesia sul mare per il mio amico', 'it'],
  ['Escreva um poema sobre o mar para o meu amigo, não muito longo', 'pt'],
  ['Schrijf een gedicht over de zee voor mijn vriend', 'nl'],
  ['Napisz wiersz o morzu i nie zapomnij o mewach', 'pl'],
  ['Deniz hakkında bir şiir yaz', 'tr'],
  ['Напиши стихотворение о море', 'ru'],
  ['写一首关于大海的诗', 'zh'],
  ['海についての詩を書いてください', 'ja'],
  ['바다에 대한 시를 써 줘', 'ko'],
  ['اكتب قصيدة عن البحر', 'ar'],
  ['समुद्र पर कविता लिखो', 'hi'],
  ['12 + 30 = ?', ''],
  ['', ''],
  ['pytest', ''],
])('%s: %s', (text, language) => {
  expect(languageOf(text)).toBe(language);
});
