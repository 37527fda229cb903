// An app backend in Dart: receives questions and trade updates, sends signed answers.
//
// PORT, ANSWER_URL and ANSWER_WEBHOOK_SECRET come from the environment. It needs one package:
// `dart pub add crypto`, then `dart run app_backend.dart`.

import 'dart:convert';
import 'dart:io';
import 'dart:math';

import 'package:crypto/crypto.dart';

final environment = Platform.environment;
final answerUrl = Uri.parse(environment['ANSWER_URL']!);
final key = base64.decode(environment['ANSWER_WEBHOOK_SECRET']!.replaceFirst('whsec_', ''));
final seen = <String>{}; // in your database: messages arrive at least once

Future<void> main() async {
  final server = await HttpServer.bind('127.0.0.1', int.parse(environment['PORT']!));
  await for (final request in server) {
    await receive(request);
  }
}

Future<void> receive(HttpRequest request) async {
  final push = json.decode(await utf8.decoder.bind(request).join()) as Map<String, dynamic>;
  final message = push['message'] as Map<String, dynamic>;
  final event =
      json.decode(utf8.decode(base64.decode(message['data'] as String))) as Map<String, dynamic>;
  final isNew = seen.add(message['attributes']['message_id'] as String);
  request.response.statusCode = 204; // stored: anything but a 2xx brings it again
  await request.response.close();
  if (isNew && request.uri.path == '/questions') {
    print('${event['question_text']} ${event['consequence']}');
    await answer(event, swipe(event));
  } else if (isNew) {
    print(event['text']);
  }
}

/// Shows the question and returns what its user says, from -10 to +10. Here it is always yes.
int swipe(Map<String, dynamic> question) => 10;

/// Sends the answer as a Standard Webhook; until there is a reply below 500, send it again.
Future<void> answer(Map<String, dynamic> question, int value) async {
  final body = json.encode({
    'question_id': question['question_id'],
    'firebase_uid': question['firebase_uid'],
    'answer': value,
    'answered_at': DateTime.now().toUtc().toIso8601String(),
  });
  final random = Random.secure();
  final id = 'msg_${List.generate(32, (_) => random.nextInt(16).toRadixString(16)).join()}';
  final sentAt = '${DateTime.now().millisecondsSinceEpoch ~/ 1000}';
  final signature = Hmac(sha256, key).convert(utf8.encode('$id.$sentAt.$body'));
  final client = HttpClient();
  final request = await client.postUrl(answerUrl);
  request.headers
    ..contentType = ContentType.json
    ..set('webhook-id', id)
    ..set('webhook-timestamp', sentAt)
    ..set('webhook-signature', 'v1,${base64.encode(signature.bytes)}');
  request.add(utf8.encode(body));
  final reply = await request.close();
  final decided = json.decode(await utf8.decoder.bind(reply).join()) as Map<String, dynamic>;
  print('decided: ${decided['decision']}');
  client.close();
}
